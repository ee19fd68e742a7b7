import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type Finding, root } from '../files.ts'
import type { Page } from './markdown.ts'

/** Every link to a file of this repository leads to one, and every `#…` to a heading there. */
export function checkLinks(pages: ReadonlyMap<string, Page>): Finding[] {
  const findings: Finding[] = []
  for (const [path, page] of pages) {
    for (const { line, target } of page.links) {
      if (/^[a-z][a-z+.-]*:/i.test(target)) continue
      const place = `${path}:${line}`
      const [file = '', anchor] = decodeURI(target).split('#')
      const other = file === '' ? path : posix.join(posix.dirname(path), file)
      if (!existsSync(join(root, other))) {
        findings.push({ place, problem: `links to ${target}, and there is no ${other}.` })
      } else if (anchor !== undefined && pages.get(other)?.anchors.has(anchor) === false) {
        findings.push({ place, problem: `links to ${target}, and ${other} has no such heading.` })
      }
    }
  }
  return findings
}
