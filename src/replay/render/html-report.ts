import { type PolicyReport, type ReplayReport, shareOf } from '../report.js'
import { html, type Markup } from './markup.js'
import { offenderTable } from './offender-table.js'
import { PAGE_STYLE } from './page-style.js'
import { timelineChart } from './timeline-chart.js'
import { countText, durationText, noteTexts, percentText, plural, policyText, spanText } from './wording.js'

/**
 * The report as one page that needs nothing but itself: no script, no request to anywhere, which its own content
 * security policy makes sure of. What came from the log is escaped.
 */
export function renderHtml(report: ReplayReport): string {
  const { log, policies } = report
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${`${log.name}: who would have been limited`}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<p class="brand"><svg aria-hidden="true" viewBox="0 0 24 24"><path class="gate" d="M7 8h10v5H7z"/><path d="M5 3v12M19 3v12M5 5h14"/><path class="water" d="M2 20c2.2-2 4.4-2 6.6 0s4.4 2 6.6 0 4.4-2 6.6 0"/></svg>Sluice replay</p>
<h1>${headline(policies)}</h1>
<p class="lead">${log.from === null || log.to === null ? html`${log.name} holds no requests.` : html`<b>${log.name}</b> <span>${plural(log.requests, 'request')}</span> <span>${spanText(log.from, log.to)} UTC</span>`}</p>
</header>
<main>
${policies.map(policy => policySection(policy, report))}
${logSection(report)}
</main>
<footer><p>Each policy decided every request for itself, under the clock of the log. All times are UTC.</p></footer>
</body>
</html>
`.text
}

function headline(policies: readonly PolicyReport[]): Markup {
  const [only] = policies
  if (policies.length !== 1 || only === undefined)
    return html`What ${plural(policies.length, 'policy').replace('policys', 'policies')} would have refused`
  if (only.refused === 0) return html`<em class="fine">Nothing</em> would have been refused`
  return html`<em>${percentText(only.refusedShare)}</em> of requests would have been refused`
}

function policySection(policy: PolicyReport, report: ReplayReport): Markup {
  return html`<section>
<h2>${policy.name}</h2>
<p class="policy">${policyText(policy)}</p>
<dl class="tiles">${tiles(policy)}</dl>
${timelineChart(policy, report.bucketMs)}
${offenderTable(policy, report.log)}
</section>`
}

function tiles(policy: PolicyReport): Markup[] {
  const { requests, refused, refusedShare, subjects, limitedSubjects, longestWaitMs, top } = policy
  const mostRefused = top[0]?.refused ?? 0
  const shown = [
    tile(
      'Refused',
      countText(refused),
      `${percentText(refusedShare)} of ${plural(requests, 'request')}`,
      refused > 0,
    ),
    tile('Subjects limited', countText(limitedSubjects), `of ${countText(subjects)} in all`, false),
  ]
  if (refused > 0) {
    shown.push(
      tile('Longest wait', durationText(longestWaitMs), 'until the same request passes', false),
      tile(
        'Most refused',
        percentText(shareOf(mostRefused, refused)),
        'of refusals fell on one subject',
        false,
      ),
    )
  }
  if (policy.delayed > 0) {
    shown.push(
      tile('Delayed', countText(policy.delayed), `by ${durationText(policy.longestDelayMs)} at most`, false),
    )
  }
  return shown
}

const tile = (title: string, value: string, note: string, alarming: boolean): Markup =>
  html`<div class="${alarming ? 'tile alarming' : 'tile'}"><dt>${title}</dt><dd>${value}<small>${note}</small></dd></div>`

function logSection(report: ReplayReport): Markup {
  const { log, cost } = report
  const notes = noteTexts(report)
  const facts: [string, string][] = [
    ['lines', countText(log.lines)],
    ['requests', countText(log.requests)],
    ['malformed', countText(log.malformed.lines)],
    ['blank', countText(log.blank)],
    ['out of order', countText(log.outOfOrder)],
    ['format', log.format ?? 'unknown'],
    ...(cost === 1 ? [] : ([['cost of each', countText(cost)]] as [string, string][])),
  ]
  return html`<section class="log">
<h2>The log</h2>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${notes.length === 0 ? html`` : html`<ul class="notes">${notes.map(note => html`<li>${note}</li>`)}</ul>`}
</section>`
}
