import type { PolicyReport } from '../report.js'
import { countMarks, timeMarks } from './chart-scale.js'
import { html, type Markup } from './markup.js'
import { countText, dayMinuteText, dayText, durationText, plural } from './wording.js'

type Bucket = PolicyReport['timeline'][number]

/** Units of the drawing. It is stretched to the width of the page, so all text stands beside it, in HTML. */
const BAR_WIDTH = 10
const HEIGHT = 100
const TIME_MARKS_MAX = 8

const DAY_MS = 86_400_000

/** Requests over time in one panel, and the refused ones on a scale of their own below, since they are few. */
export function timelineChart({ name, timeline, refused }: PolicyReport, bucketMs: number): Markup {
  if (timeline.length === 0) return html``
  const size = durationText(bucketMs)
  return html`<figure class="chart">
<figcaption><h3>Over time</h3>
<ul class="legend"><li><i class="allowed"></i>allowed</li><li><i class="refused"></i>refused</li><li class="muted">a bar is ${size}</li></ul>
</figcaption>
${panel(timeline, 'tall', `${name}: requests allowed and refused in each ${size}`, bucket => [bucket.allowed, bucket.refused])}
${refused === 0 ? html`` : panel(timeline, 'low', `${name}: requests refused in each ${size}`, bucket => [0, bucket.refused])}
${timeAxis(timeline, bucketMs)}
<details><summary>The same as a table</summary>
<div class="scroll"><table><thead><tr><th scope="col">from (UTC)</th><th scope="col">allowed</th><th scope="col">refused</th></tr></thead>
<tbody>${timeline.map(
    bucket =>
      html`<tr><th scope="row">${dayMinuteText(bucket.from)}</th><td>${countText(bucket.allowed)}</td><td>${countText(bucket.refused)}</td></tr>`,
  )}</tbody></table></div>
</details>
</figure>`
}

/** One drawing with its axis of counts. `heights` answers what to stack: allowed below, refused on it. */
function panel(
  timeline: readonly Bucket[],
  height: 'tall' | 'low',
  label: string,
  heights: (bucket: Bucket) => readonly [number, number],
): Markup {
  const peak = Math.max(...timeline.map(bucket => heights(bucket)[0] + heights(bucket)[1]))
  const marks = countMarks(peak, height === 'tall' ? 4 : 2)
  const top = marks.at(-1) as number
  const y = (count: number): number => round(HEIGHT - (count / top) * HEIGHT)
  return html`<div class="panel ${height}">
<div class="counts" aria-hidden="true">${marks.map(mark => html`<span style="top:${y(mark)}%">${countText(mark)}</span>`)}</div>
<svg role="img" aria-label="${label}" viewBox="0 0 ${timeline.length * BAR_WIDTH} ${HEIGHT}" preserveAspectRatio="none">
${marks.map(mark => html`<line class="grid" x1="0" x2="${timeline.length * BAR_WIDTH}" y1="${y(mark)}" y2="${y(mark)}"/>`)}
${timeline.map((bucket, index) => bar(bucket, index, heights(bucket), y))}
</svg>
</div>`
}

function bar(
  bucket: Bucket,
  index: number,
  [allowed, refused]: readonly [number, number],
  y: (count: number) => number,
): Markup {
  const x = index * BAR_WIDTH
  const rect = (className: string, from: number, to: number): Markup =>
    from === to
      ? html``
      : html`<rect class="${className}" x="${x + 1}" width="${BAR_WIDTH - 2}" y="${y(to)}" height="${round(y(from) - y(to))}"/>`
  const told = `${dayMinuteText(bucket.from)} UTC: ${plural(bucket.allowed + bucket.refused, 'request')}, ${countText(bucket.refused)} refused`
  return html`<g><title>${told}</title><rect class="hit" x="${x}" width="${BAR_WIDTH}" y="0" height="${HEIGHT}"/>${rect('allowed', 0, allowed)}${rect('refused', allowed, allowed + refused)}</g>`
}

/** Where the marks are days and times of day, a narrow page shows the days alone; else every second mark. */
function timeAxis(timeline: readonly Bucket[], bucketMs: number): Markup {
  const fromMs = Date.parse((timeline[0] as Bucket).from)
  const spanMs = timeline.length * bucketMs
  const { stepMs, marksMs } = timeMarks(fromMs, fromMs + spanMs, TIME_MARKS_MAX)
  const mixed = stepMs < DAY_MS && marksMs.some(isMidnight)
  const labels = marksMs.map((markMs, index) => {
    const left = round(((markMs - fromMs) / spanMs) * 100)
    const className = (mixed ? isMidnight(markMs) : index % 2 === 0) ? 'main' : 'spare'
    // The last of the axis has no room for a text.
    return left > 94
      ? html``
      : html`<span class="${className}" style="left:${left}%">${timeText(markMs, stepMs)}</span>`
  })
  return html`<div class="times" aria-hidden="true">${labels}</div>`
}

const isMidnight = (timeMs: number): boolean => timeMs % DAY_MS === 0

function timeText(markMs: number, stepMs: number): string {
  const iso = new Date(markMs).toISOString()
  if (isMidnight(markMs)) return dayText(iso)
  return stepMs < 60_000 ? iso.slice(11, 19) : iso.slice(11, 16)
}

const round = (value: number): number => Math.round(value * 100) / 100
