import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ALGORITHMS } from '../../../src/core/plan.js'
import { limitOptions, POLICY_OPTIONS } from '../../../src/policy/schema.js'
import { compilePolicies, parseDuration, parseRate } from '../../../src/policy.js'

const page = readFileSync(new URL('../../../docs/policies.md', import.meta.url), 'utf8')

/** Rows of the table whose first heading is `heading`, as their cells. */
function table(heading: string): readonly (readonly string[])[] {
  const lines = page.split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${heading} |`))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}

const code = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '')

const examples = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(match => match[1] ?? '')

describe('docs/policies.md', () => {
  it.each(examples)('has an example that compiles: %#', async source => {
    const module: { policies: Parameters<typeof compilePolicies>[0] } = await import(
      /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(source)}`
    )
    expect(compilePolicies(module.policies).byName.size).toBe(Object.keys(module.policies).length)
  })

  it.each(table('rate'))('reads %s as %s per %s', (rate, limit, window) => {
    expect(parseRate(code(rate)[0])).toEqual({ limit: Number(limit), windowUs: parseDuration(window) })
  })

  it.each(table('unit'))('has words for %s that are read', (_, words) => {
    const lengths = code(words).map(word => parseDuration(`2 ${word}`))
    expect(lengths.length).toBeGreaterThan(2)
    expect(new Set(lengths).size).toBe(1)
  })

  it('shows the report that its example of broken policies gets', () => {
    const broken = {
      api: {
        limits: [
          { limit: 10, window: 60 },
          { limit: 5, window: '1m', brust: 5 },
        ],
      },
      login: { limit: 5, window: '15m', algorithm: 'fixed_window', anchor: 'clok' },
    }
    const report = /^```text\n(.*?)\n^```/ms.exec(page)?.[1]
    expect(() => compilePolicies(broken as never)).toThrow(expect.objectContaining({ message: report }))
  })

  it('describes every algorithm and every option, and no other', () => {
    const described = [
      ...table('option').flatMap(([name]) => code(name)),
      ...page
        .split('### Options of a limit')[1]!
        .split('\n')
        .flatMap(line => code(/^\| (`\w+`) \|/.exec(line)?.[1])),
    ]
    const known = [...POLICY_OPTIONS, ...ALGORITHMS.flatMap(algorithm => limitOptions(algorithm))]
    expect(new Set(described)).toEqual(new Set(known))
    expect(table('`algorithm`').map(([name]) => code(name)[0])).toEqual(
      expect.arrayContaining([...ALGORITHMS]),
    )
  })

  it('tells of each option which algorithms have it', () => {
    const rows = page
      .split('### Options of a limit')[1]!
      .split('\n')
      .filter(line => /^\| `/.test(line))
    for (const row of rows) {
      const [name, of = ''] = row.split('|').slice(1, 3)
      const option = code(name)[0] ?? ''
      const named = code(of.replace(/`anchor: 'clock'`|with `spread`/g, ''))
      const having = ALGORITHMS.filter(algorithm => limitOptions(algorithm).includes(option))
      const told = of.trim().startsWith('all')
        ? ALGORITHMS.filter(algorithm => !named.includes(algorithm))
        : named
      expect([option, new Set(told)]).toEqual([option, new Set(having)])
    }
  })
})
