/** Pages that must keep up with something else: the errors with the classes, the dependencies with package.json. */
import { z } from 'zod'
import { type Finding, projectFiles, readText } from '../files.ts'

const CODE = /'((?:ERR|WARN)_SLUICE_[A-Z_]+)'/g
const packageFile = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
})

/** Every code of an error or a warning has a section in docs/errors.md, and every section there is of a code that exists. */
export function checkErrorCodes(): Finding[] {
  const page = 'docs/errors.md'
  const codes = new Set(
    projectFiles('src/errors.ts', 'src/events/*.ts').flatMap(path =>
      [...readText(path).matchAll(CODE)].map(match => match[1] ?? ''),
    ),
  )
  if (projectFiles(page).length === 0) return [{ place: page, problem: 'is missing.' }]
  const sections = new Set(
    [...readText(page).matchAll(/^#{2,}\s.*?((?:ERR|WARN)_SLUICE_[A-Z_]+)/gm)].map(match => match[1] ?? ''),
  )
  return [
    ...[...codes.difference(sections)].map(code => ({ place: page, problem: `has no section for ${code}.` })),
    ...[...sections.difference(codes)].map(code => ({
      place: page,
      problem: `describes ${code}, which is gone.`,
    })),
  ]
}

/** docs/dependencies.md gives the reason for every dependency, and for no other. */
export function checkDependencies(): Finding[] {
  const page = 'docs/dependencies.md'
  if (projectFiles(page).length === 0) return [{ place: page, problem: 'is missing.' }]
  const { dependencies, devDependencies } = packageFile.parse(JSON.parse(readText('package.json')))
  const used = new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)])
  const named = new Set([...readText(page).matchAll(/^[-|]\s+`([^`]+)`/gm)].map(match => match[1] ?? ''))
  return [
    ...[...used.difference(named)].map(name => ({ place: page, problem: `gives no reason for ${name}.` })),
    ...[...named.difference(used)].map(name => ({
      place: page,
      problem: `names ${name}, which is not used.`,
    })),
  ]
}
