import type { LimitReport, PolicyReport, ReplayReport } from '../report.js'

/** Numbers, times and limits as a person reads them: one wording for the terminal and the page. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const WINDOW_UNITS = [
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

const grouped = new Intl.NumberFormat('en-US')

export const countText = (count: number): string => grouped.format(count)

export const plural = (count: number, noun: string): string =>
  `${countText(count)} ${noun}${count === 1 ? '' : 's'}`

/** `4.6 %`; a share that is not 0 never reads as 0, nor one that is not 1 as 100. */
export function percentText(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`
  if (share < 0.001) return '< 0.1 %'
  if (share > 0.999) return '> 99.9 %'
  return `${(share * 100).toFixed(1)} %`
}

/** The two largest units that matter: `850 ms`, `44 s`, `5 min 12 s`, `3 h`, `2 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)} ms`
  if (ms < 10_000 && ms % 1000 !== 0) return `${(Math.ceil(ms / 100) / 10).toFixed(1)} s`
  const seconds = Math.ceil(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const largest = parts.findIndex(([count]) => count > 0)
  const shown = parts.slice(largest, largest + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}

/** `30 per minute`, `1,000 per 15 minutes`, `5 per 259.2 seconds`, `1,000 per month`; a burst of its own is told. */
export function limitText({ limit, windowMs, period, burst }: LimitReport): string {
  const per = windowMs === null ? (period ?? 'period') : windowText(windowMs)
  const bursts = burst === null || burst === limit ? '' : ` with a burst of ${countText(burst)}`
  return `${countText(limit)} per ${per}${bursts}`
}

/** `minute`, `15 minutes`, `259.2 seconds`: what stands after `per`. */
export function windowText(windowMs: number): string {
  const [unit, unitMs] = WINDOW_UNITS.find(([, size]) => windowMs % size === 0) ?? ['second', 1000]
  const units = windowMs / unitMs
  return units === 1 ? unit : `${grouped.format(units)} ${unit}s`
}

/** `30 per minute by ip, sliding_window`. */
export function policyText({ limits, by }: PolicyReport): string {
  const algorithms = [...new Set(limits.map(({ algorithm }) => algorithm))].join(', ')
  return `${limits.map(limitText).join(' and ')} by ${by.join(' and ')}, ${algorithms}`
}

/** A subject of one part is its value; of several, each with its name. */
export function subjectText(subject: Readonly<Record<string, string>>): string {
  const parts = Object.entries(subject)
  return parts.length === 1
    ? (parts[0] as [string, string])[1]
    : parts.map(([name, value]) => `${name}=${value}`).join(' ')
}

/** `2015-05-17 10:05`, cut from the ISO form. */
export const minuteText = (iso: string): string => iso.slice(0, 16).replace('T', ' ')

/** `17 May 2015, 10:05`. */
export const dayMinuteText = (iso: string): string =>
  `${dayText(iso)} ${iso.slice(0, 4)}, ${iso.slice(11, 16)}`

/** `17 May 2015, 10:05 to 20 May 2015, 21:05`; within a day `2 Mar 2026, 09:00 to 10:59`. */
export function spanText(from: string, to: string): string {
  const end = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11, 16) : dayMinuteText(to)
  return `${dayMinuteText(from)} to ${end}`
}

/** `17 May`. */
export const dayText = (iso: string): string =>
  `${Number(iso.slice(8, 10))} ${MONTHS[Number(iso.slice(5, 7)) - 1]}`

/** What a reader should know of the log before trusting the numbers; nothing for a clean log. */
export function noteTexts({ log, policies }: ReplayReport): string[] {
  const notes = log.malformed.reasons.map(({ reason, lines, firstLines }) => {
    const more = lines > firstLines.length ? ', …' : ''
    return `${plural(lines, 'malformed line')}: ${reason} (line ${firstLines.join(', ')}${more})`
  })
  if (log.late > 0) {
    notes.push(
      `${plural(log.late, 'line')} came too late to be put in order (up to ${durationText(log.longestLateMs)}), ` +
        `and counted at a later time; a longer --reorder puts them in order`,
    )
  }
  for (const { name, by, withoutSubject } of policies) {
    if (withoutSubject > 0) {
      notes.push(`${name}: ${plural(withoutSubject, 'request')} without ${by.join(' or ')} not counted`)
    }
  }
  return notes
}

/** Control and direction characters, which could rewrite a terminal or the text around them, as visible escapes. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, char => {
    const code = (char.codePointAt(0) as number).toString(16)
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`
  })
}
