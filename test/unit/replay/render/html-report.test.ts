import { describe, expect, it } from 'vitest'
import { countMarks, timeMarks } from '../../../../src/replay/render/chart-scale.js'
import { renderHtml } from '../../../../src/replay/render/html-report.js'
import { html } from '../../../../src/replay/render/markup.js'
import { exampleReport } from './example-report.js'

const page = renderHtml(exampleReport())

describe('the report as a page', () => {
  it('needs nothing but itself', () => {
    // Whatever could load something: addresses, and every attribute or rule that takes one.
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(/i)
    expect(page).not.toMatch(/<(?:script|iframe|object|embed|form|base|a)\b/i)
    expect([...page.matchAll(/\s(?:href|src|srcset|action)="([^"]*)"/g)].map(match => match[1])).toEqual([
      'data:,',
    ])
    expect(page).toContain(`<meta http-equiv="Content-Security-Policy" content="default-src 'none';`)
  })

  it('shows what came from the log as text', () => {
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;\\x1b[2J\\u{202e}')
    expect(page).not.toContain('<script>')
    expect(page).not.toContain('<img')
  })

  it('is one tree: every element that is opened is closed', () => {
    const open: string[] = []
    const void_ = new Set(['meta', 'link'])
    for (const [, close, name, rest] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name)
      else if (!void_.has(name as string) && !(rest as string).endsWith('/')) open.push(name as string)
    }
    expect(open).toEqual([])
  })

  it('tells its charts to whoever does not see them, as a name and as a table', () => {
    expect(page).toMatch(/<svg role="img" aria-label="[^"]+: requests allowed and refused in each 1 s"/)
    expect(page).toMatch(/<summary>The same as a table<\/summary>/)
    expect([...page.matchAll(/<th scope="row">17 May 2015, 10:05<\/th>/g)]).toHaveLength(3)
  })

  it('is for phones, for the dark and for paper', () => {
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">')
    for (const query of ['(prefers-color-scheme: dark)', '(max-width: 640px)', 'print']) {
      expect(page).toContain(`@media ${query}`)
    }
  })

  it('has a headline for one policy, for several, and for good news', () => {
    const report = exampleReport()
    const [policy] = report.policies as [(typeof report.policies)[number]]
    const headline = (policies: (typeof policy)[]) =>
      /<h1>(.*)<\/h1>/.exec(renderHtml({ ...report, policies }))?.[1]
    expect(headline([policy])).toBe('<em>33.3 %</em> of requests would have been refused')
    expect(headline([policy, policy])).toBe('What 2 policies would have refused')
    expect(headline([{ ...policy, refused: 0 }])).toBe(
      '<em class="fine">Nothing</em> would have been refused',
    )
  })

  it('can be drawn of an empty log', () => {
    const report = exampleReport({ requests: 0, refused: 0, timeline: [], top: [] })
    expect(renderHtml({ ...report, log: { ...report.log, from: null, to: null } })).toContain(
      'holds no requests',
    )
  })
})

describe('html', () => {
  it('escapes whatever is put in, unless it is HTML already', () => {
    expect(html`<b title="${`"'&`}">${'<i>'}${html`<i>${1}</i>`}${[html`<u>`, html`</u>`]}</b>`.text).toBe(
      '<b title="&quot;&#39;&amp;">&lt;i&gt;<i>1</i><u>\n</u></b>',
    )
  })
})

describe('the marks of an axis', () => {
  it.each([
    [0, [0]],
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [136, [0, 50, 100, 150]],
    [990_086, [0, 500_000, 1_000_000]],
  ])('count up to a peak of %d in round steps', (peak, marks) => {
    expect(countMarks(peak, 4)).toEqual(marks)
  })

  it('stand at round times, few enough to be read', () => {
    const fromMs = Date.UTC(2015, 4, 17, 10, 7)
    for (let spanMs = 1000; spanMs < 1e12; spanMs *= 3) {
      const { stepMs, marksMs } = timeMarks(fromMs, fromMs + spanMs, 8)
      expect(marksMs.length).toBeLessThanOrEqual(8)
      for (const markMs of marksMs) expect(markMs % stepMs).toBe(0)
    }
  })
})
