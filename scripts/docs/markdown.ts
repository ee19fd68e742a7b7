/** What the checks of documents need to know of a page: its fenced examples, its links and its headings. */

export interface Fence {
  /** 1 is the page's first line; that of the opening fence. */
  line: number
  /** `ts`, `sh`, …; empty where none is named. */
  language: string
  /** Words after the language: `run`, `continues`, `no-check`. */
  flags: readonly string[]
  text: string
}

interface Link {
  line: number
  target: string
}

export interface Page {
  fences: readonly Fence[]
  links: readonly Link[]
  /** Names that `#…` may point to, made of the headings the way code forges make them. */
  anchors: ReadonlySet<string>
}

const FENCE = /^(\s*)(`{3,})\s*(\S*)\s*(.*)$/
const LINK = /!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g
const DEFINITION = /^\[[^\]]+\]:\s+<?([^\s>]+)>?/

export function parsePage(source: string): Page {
  const fences: Fence[] = []
  const links: Link[] = []
  const anchors = new Set<string>()
  const lines = source.split('\n')

  for (let index = 0; index < lines.length; index++) {
    const text = lines[index] ?? ''
    const opening = FENCE.exec(text)
    if (opening !== null) {
      const [, indent = '', marks = '', language = '', info = ''] = opening
      const end = lines.findIndex((line, at) => at > index && line.trim() === marks)
      const last = end < 0 ? lines.length : end
      const body = lines
        .slice(index + 1, last)
        .map(line => (line.startsWith(indent) ? line.slice(indent.length) : line))
      fences.push({
        line: index + 1,
        language,
        flags: info.split(/\s+/).filter(Boolean),
        text: `${body.join('\n')}\n`,
      })
      index = last
      continue
    }
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(text)
    if (heading !== null) addAnchor(anchors, heading[1] ?? '')
    const named = /<a (?:id|name)="([^"]+)"/.exec(text)
    if (named?.[1] !== undefined) anchors.add(named[1])

    const prose = text.replace(/`[^`]*`/g, '')
    for (const match of prose.matchAll(LINK)) links.push({ line: index + 1, target: match[1] ?? '' })
    const definition = DEFINITION.exec(prose)
    if (definition?.[1] !== undefined) links.push({ line: index + 1, target: definition[1] })
  }
  return { fences, links, anchors }
}

/** "Why `x`, and how?" is `why-x-and-how`; the second heading of one name gets `-1`. */
function addAnchor(anchors: Set<string>, heading: string): void {
  const name = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  let unique = name
  for (let copy = 1; anchors.has(unique); copy++) unique = `${name}-${copy}`
  anchors.add(unique)
}
