import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { layoutColumns } from '../../../../src/replay/render/text-columns.js'
import { renderText } from '../../../../src/replay/render/text-report.js'
import { exampleReport } from './example-report.js'

const plain = { width: 100, style: (_: string, text: string) => text }

describe('the report as text', () => {
  it('reads as a table', () => {
    const report = exampleReport()
    const { top, ...rest } = report.policies[0] as (typeof report.policies)[number]
    const clean = {
      ...rest,
      name: 'per-agent',
      top: top.map(offender => ({ ...offender, subject: { 'user-agent': 'curl/8.5' } })),
    }
    const text = renderText(
      { ...report, log: { ...report.log, name: 'access.log' }, policies: [clean] },
      plain,
    )
    expect(text).toBe(
      `access.log: 10 requests, 2015-05-17 10:05 to 2015-05-17 10:05 UTC, combined format

per-agent: 3 per minute by user-agent, gcra
  3 refused (33.3 %), 6 allowed; 3 of 4 subjects limited; longest wait 19 s

  user-agent  requests  refused   share  longest wait  first             last
  curl/8.5           5        2  40.0 %          19 s  2015-05-17 10:05  2015-05-17 10:05
  and 2 more

  requests  ▇ █
  refused     █
            a bar is 1 s, the highest 5 and 3

note: 1 malformed line: no client address at the start (line 3)
note: 1 line came too late to be put in order (up to 1.5 s), and counted at a later time; a longer --reorder puts them in order
note: per-agent: 1 request without user-agent not counted
`,
    )
  })

  it('lets nothing of the log steer the terminal', () => {
    const text = renderText(exampleReport(), plain)
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}/u)
    expect(text).toContain('\\x1b[2J')
  })

  it('says so when nothing was refused', () => {
    const text = renderText(
      exampleReport({ refused: 0, refusedShare: 0, top: [], limitedSubjects: 0 }),
      plain,
    )
    expect(text).toContain('nothing refused: 9 requests of 4 subjects')
  })

  it('says so when calls were held back', () => {
    expect(renderText(exampleReport({ delayed: 2, longestDelayMs: 800 }), plain)).toContain(
      '2 requests delayed, by 800 ms at most',
    )
  })
})

describe('layoutColumns', () => {
  const columns = [
    { title: 'who', align: 'left', dispensable: 0 },
    { title: 'count', align: 'right', dispensable: 0 },
    { title: 'when', align: 'left', dispensable: 1 },
  ] as const
  const rows = [
    ['a very long name of somebody or something', '1', 'today'],
    ['東京', '1,000', 'long ago'],
  ]

  it('leaves out what can be spared before it cuts what cannot', () => {
    expect(layoutColumns(columns, rows, 41)).toEqual([
      'who                       count  when',
      'a very long name of som…      1  today',
      '東京                      1,000  long ago',
    ])
    expect(layoutColumns(columns, rows, 40)[0]).not.toContain('when')
  })

  it('fits the width, wide characters counted as two', () => {
    for (let width = 34; width < 80; width++) {
      for (const line of layoutColumns(columns, rows, width)) {
        expect(stringWidth(line)).toBeLessThanOrEqual(width)
      }
    }
  })
})
