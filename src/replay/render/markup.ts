import { printable } from './wording.js'

/** HTML that is safe as it stands. Only `html` makes it, so whatever else is put into a page is escaped. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Markup | readonly Markup[] | string | number

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string =>
  printable(text).replace(/[&<>"']/g, char => ENTITIES[char] as string)

/** Builds HTML: everything put in is escaped, for text and for attributes in quotes, unless it is HTML built by this. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] as string
  for (const [index, part] of parts.entries()) text += partText(part) + strings[index + 1]
  return new Markup(text)
}

function partText(part: Part): string {
  if (part instanceof Markup) return part.text
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part))
  return part.map(markup => markup.text).join('\n')
}
