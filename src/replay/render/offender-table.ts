import type { Offender, PolicyReport, ReplayReport } from '../report.js'
import { html, type Markup } from './markup.js'
import { countText, durationText, percentText, spanText, subjectText } from './wording.js'

/** Who was refused most. Roles stand explicitly, since a narrow page shows the rows as cards. */
export function offenderTable(policy: PolicyReport, log: ReplayReport['log']): Markup {
  const { top, by, limitedSubjects } = policy
  if (top.length === 0) return html``
  const most = Math.max(...top.map(offender => offender.requests))
  const rest = limitedSubjects - top.length
  return html`<h3>Most refused</h3>
<table class="offenders" role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">${by.join(' and ')}</th><th role="columnheader" scope="col">requests</th><th role="columnheader" scope="col">refused</th><th role="columnheader" scope="col">share</th><th role="columnheader" scope="col">longest wait</th><th role="columnheader" scope="col">seen</th></tr></thead>
<tbody role="rowgroup">${top.map(offender => row(offender, most, log))}</tbody>
</table>
${rest === 0 ? html`` : html`<p class="rest">and ${countText(rest)} more</p>`}`
}

function row(offender: Offender, most: number, log: ReplayReport['log']): Markup {
  const { subject, requests, refused, refusedShare, longestWaitMs, first, last } = offender
  const allowedPart = percent(requests - refused, most)
  const refusedPart = percent(refused, most)
  return html`<tr role="row">
<th role="rowheader" scope="row"><span class="subject">${subjectText(subject)}</span><span class="meter" aria-hidden="true"><i class="allowed" style="width:${allowedPart}%"></i><i class="refused" style="width:${refusedPart}%"></i></span></th>
<td role="cell" data-title="requests">${countText(requests)}</td>
<td role="cell" data-title="refused" class="strong">${countText(refused)}</td>
<td role="cell" data-title="share">${percentText(refusedShare)}</td>
<td role="cell" data-title="longest wait">${durationText(longestWaitMs)}</td>
<td role="cell" data-title="seen" class="seen" title="${spanText(first, last)} UTC">${seenStrip(offender, log)}</td>
</tr>`
}

/** When the subject came, within the time of the whole log. */
function seenStrip({ first, last }: Offender, { from, to }: ReplayReport['log']): Markup {
  const startMs = Date.parse(from ?? first)
  const spanMs = Math.max(1, Date.parse(to ?? last) - startMs)
  const left = percent(Date.parse(first) - startMs, spanMs)
  const width = percent(Date.parse(last) - Date.parse(first), spanMs)
  return html`<span class="strip"><i style="left:min(${left}%,100% - 4px);width:${width}%"></i></span><span class="quiet">${spanText(first, last)}</span>`
}

const percent = (part: number, whole: number): number => Math.round((part / whole) * 1000) / 10
