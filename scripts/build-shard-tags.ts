/**
 * Writes `src/shard-tags.ts`: for each of 1,024 equal stripes of Redis Cluster's 16,384 slots the first base-36 numeral
 * whose slot falls into it. Plain numbers as tags would spread unevenly over the masters.
 *   node scripts/build-shard-tags.ts           writes the file
 *   node scripts/build-shard-tags.ts --check   ends with 1 when the file differs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import keySlot from 'cluster-key-slot'
import { root } from './files.ts'

const TAGS = 1024
const SLOTS_PER_TAG = 16_384 / TAGS
const LINE_WIDTH = 106

function findTags(): string[] {
  const tags: string[] = new Array(TAGS)
  for (let numeral = 0, missing = TAGS; missing > 0; numeral++) {
    const tag = numeral.toString(36)
    const stripe = Math.floor(keySlot(tag) / SLOTS_PER_TAG)
    if (tags[stripe] === undefined) {
      tags[stripe] = tag
      missing--
    }
  }
  return tags
}

function render(tags: readonly string[]): string {
  const lines: string[] = []
  let line = ''
  for (const tag of tags) {
    if (line.length + 1 + tag.length > LINE_WIDTH) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? tag : ` ${tag}`
  }
  return `// Written by scripts/build-shard-tags.ts; do not edit.

/**
 * Hash tags of the virtual shards. The slot of tag i is in [16 i, 16 i + 16), so every second, fourth, … tag is spread as
 * evenly over the slots as all of them.
 */
export const SHARD_TAGS: readonly string[] = \`
${[...lines, line].map(text => `  ${text}`).join('\n')}
\`
  .trim()
  .split(/\\s+/)
`
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const path = join(root, 'src/shard-tags.ts')
const text = render(findTags())
if (!values.check) {
  writeFileSync(path, text)
} else if (readFileSync(path, 'utf8') !== text) {
  console.error(
    'src/shard-tags.ts differs from what scripts/build-shard-tags.ts writes: run it and commit the result',
  )
  process.exitCode = 1
}
