/** The documents are held to the code: examples, links, error codes, reasons for dependencies. */
import { checkExamples } from './docs/examples.ts'
import { checkLinks } from './docs/links.ts'
import { parsePage } from './docs/markdown.ts'
import { checkDependencies, checkErrorCodes } from './docs/references.ts'
import { projectFiles, readText, report } from './files.ts'

const pages = new Map(projectFiles('*.md').map(path => [path, parsePage(readText(path))]))
const examples = [...pages.values()].flatMap(page => page.fences).length

report('documents', `${pages.size} pages with ${examples} examples`, [
  ...checkLinks(pages),
  ...checkErrorCodes(),
  ...checkDependencies(),
  ...(await checkExamples(pages)),
])
