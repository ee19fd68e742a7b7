import { html } from './markup.js'

/** The style of the page. Colours are told apart by lightness as well as hue, for eyes and printers that see none. */
export const PAGE_STYLE = html`
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --card: #ffffff; --ink: #14212b; --muted: #556675; --line: #dfe5ea;
  --allowed: #8fb8d4; --refused: #cf4510; --wash: #eef3f7; --alarm: #fdf0ea; --fine: #1c7a4c;
  --shadow: 0 1px 2px rgb(16 32 48 / .06), 0 6px 24px rgb(16 32 48 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d141a; --card: #151f28; --ink: #e8eef3; --muted: #9aabb9; --line: #293642;
    --allowed: #3d6b8c; --refused: #ff8c55; --wash: #1b2732; --alarm: #2b211d; --fine: #59c48e; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
header { padding-top: clamp(24px, 5vw, 56px); padding-bottom: clamp(16px, 3vw, 32px); }
h1, h2, h3, p, dl, dd, figure, ul { margin: 0; padding: 0; }
.brand { display: flex; align-items: center; gap: 8px; color: var(--muted); font-weight: 600; font-size: 14px; }
.brand svg { width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }
.water { stroke: var(--allowed); }
.gate { stroke: none; fill: var(--refused); }
h1 { margin-top: 12px; font-size: clamp(30px, 6.4vw, 56px); line-height: 1.06; letter-spacing: -.025em; font-weight: 750; text-wrap: balance; }
h1 em { font-style: normal; color: var(--refused); white-space: nowrap; }
h1 em.fine { color: var(--fine); }
.lead { margin-top: 14px; color: var(--muted); font-size: clamp(15px, 2vw, 18px); text-wrap: pretty; overflow-wrap: anywhere; }
.lead b { color: var(--ink); font-weight: 600; }
.lead b, .lead span { display: inline-block; margin-right: 14px; }
section { background: var(--card); border-radius: 16px; box-shadow: var(--shadow); padding: clamp(18px, 3.4vw, 36px); margin-bottom: clamp(14px, 2.4vw, 24px); }
h2 { font-size: clamp(20px, 3vw, 26px); line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; }
h3 { font-size: 16px; line-height: 1.3; }
.policy, .muted, .rest { color: var(--muted); }
.policy { margin-top: 2px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(136px, 100%), 1fr)); gap: 10px; margin-top: 20px; }
.tile { background: var(--wash); border-radius: 12px; padding: 12px 16px 14px; }
.tile.alarming { background: var(--alarm); }
.tile.alarming dd { color: var(--refused); }
dt { color: var(--muted); font-size: 13px; }
.tile dd { font-size: clamp(24px, 4vw, 32px); font-weight: 700; line-height: 1.2; letter-spacing: -.02em; }
.tile small { display: block; color: var(--muted); font-size: 13px; font-weight: 400; line-height: 1.35; letter-spacing: 0; margin-top: 2px; }
.chart { margin: 30px 0 34px; }
figcaption { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 4px 20px; margin-bottom: 14px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
i.allowed { background: var(--allowed); }
i.refused { background: var(--refused); }
.panel { position: relative; padding-left: 46px; }
.panel + .panel { margin-top: 18px; }
.panel svg { display: block; width: 100%; height: clamp(150px, 24vw, 230px); overflow: visible; }
.panel.low svg { height: clamp(56px, 8vw, 76px); }
rect.allowed { fill: var(--allowed); }
rect.refused { fill: var(--refused); }
rect.hit { fill: transparent; }
g:hover rect.hit { fill: var(--wash); }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.counts, .times { font-size: 12px; line-height: 16px; color: var(--muted); }
.counts { position: absolute; inset: 0 auto 0 0; width: 38px; }
.counts span { position: absolute; right: 0; transform: translateY(-50%); }
.times { position: relative; height: 20px; margin: 8px 0 0 46px; }
.times span { position: absolute; white-space: nowrap; padding-left: 5px; border-left: 1px solid var(--line); }
details { margin-top: 14px; font-size: 14px; }
summary { cursor: pointer; color: var(--muted); width: fit-content; border-radius: 4px; }
summary:focus-visible { outline: 2px solid var(--refused); outline-offset: 3px; }
.scroll { max-height: 320px; overflow: auto; margin-top: 10px; border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: right; font-weight: 400; padding: 8px 0 8px 18px; border-top: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--muted); font-size: 13px; border-top: 0; }
.scroll th, .scroll td { padding: 5px 14px; }
.offenders { margin-top: 8px; }
.offenders tbody th { width: 44%; white-space: normal; }
.subject { display: block; font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13.5px; overflow-wrap: anywhere; line-height: 1.35; }
.meter { display: flex; gap: 1px; height: 6px; margin-top: 6px; }
.meter i { border-radius: 2px; }
.strong { font-weight: 700; color: var(--refused); }
.strip { display: block; position: relative; height: 6px; width: 110px; margin-left: auto; background: var(--wash); border-radius: 3px; }
.strip i { position: absolute; top: 0; height: 6px; min-width: 4px; max-width: 100%; border-radius: 3px; background: var(--muted); }
.rest { margin-top: 12px; font-size: 14px; }
.quiet { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 12px 16px; margin-top: 14px; }
.facts dd { font-weight: 600; }
.notes { margin-top: 16px; padding: 12px 16px 12px 32px; background: var(--wash); border-radius: 12px; font-size: 14px; }
.notes li + li { margin-top: 6px; }
footer { color: var(--muted); font-size: 13px; padding-bottom: 40px; }
@media (max-width: 640px) {
  .tiles { grid-template-columns: 1fr 1fr; }
  .times .spare { display: none; }
  .panel { padding-left: 36px; }
  .counts { width: 30px; }
  .times { margin-left: 36px; }
  .offenders, .offenders tbody { display: block; }
  .offenders thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .offenders tr { display: grid; grid-template-columns: repeat(3, 1fr) auto; gap: 6px 10px; padding: 12px 0; border-top: 1px solid var(--line); }
  .offenders tbody tr:first-child { border-top: 0; }
  .offenders th, .offenders td { border: 0; padding: 0; text-align: left; }
  .offenders tbody th { grid-column: 1 / -1; width: auto; }
  .offenders td::before { content: attr(data-title); display: block; color: var(--muted); font-size: 12px; font-weight: 400; line-height: 1.2; }
  .offenders td.seen { grid-column: 1 / -1; display: flex; align-items: center; gap: 10px; }
  .strip { flex: 1; width: auto; }
}
@media print {
  :root { --ground: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #ccc; --wash: #f3f3f3; --alarm: #f3f3f3; --shadow: none; --allowed: #9db9cc; --refused: #b53a0b; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11pt; }
  section { padding: 0 0 12pt; border-radius: 0; break-inside: auto; }
  .chart, tr, .tile { break-inside: avoid; }
  details { display: none; }
}
`
