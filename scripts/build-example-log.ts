/**
 * Writes `examples/access.log`, the small log that `scripts/run` replays: two hours of a shop that does not exist, in the
 * combined format, with addresses set aside for documentation. Always the same bytes, so that the report of it is too.
 *
 *   node scripts/build-example-log.ts [FILE]
 */
import { writeFileSync } from 'node:fs'

const START_MS = Date.UTC(2026, 2, 2, 9, 0, 0)
const HOURS = 2
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const END_MS = START_MS + HOURS * 60 * MINUTE_MS

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const AGENTS = {
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0',
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36',
  phone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
  app: 'ExampleShop/4.2 (Android 16)',
  monitor: 'ExampleMonitor/2.0 (+https://monitor.example/)',
  crawler: 'ExampleBot/1.1 (+https://bot.example/)',
  scraper: 'python-requests/2.32.3',
  script: 'curl/8.14.1',
  hostile: '<script>alert(1)</script> \\"quoted\\"',
} as const

const PAGES = [
  '/',
  '/shop',
  '/shop/boots',
  '/shop/lanterns',
  '/about',
  '/cart',
  '/search?q=rope',
  '/shop/tents?page=2',
]
const ASSETS = [
  '/assets/site.css',
  '/assets/site.js',
  '/images/logo.svg',
  '/images/boots.jpg',
  '/images/tent.jpg',
]

/** One request, stamped when it begins and written when it ends, as Apache does: so the log is a little out of order. */
interface Entry {
  readonly startMs: number
  readonly endMs: number
  readonly line: string
}

/** mulberry32: small, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = createRandom(20_260_302)
const between = (low: number, high: number): number => low + random() * (high - low)
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
const entries: Entry[] = []

interface Request {
  readonly ip: string
  readonly target: string
  readonly agent: string
  readonly method?: string
  readonly status?: number
  readonly user?: string
  readonly durationMs?: number
}

function log(startMs: number, request: Request): void {
  const { ip, target, agent, method = 'GET', status = 200, user = '-' } = request
  const durationMs = request.durationMs ?? between(5, 400)
  const bytes = Math.floor(between(180, 48_000))
  const referer = target.startsWith('/assets') || target.startsWith('/images') ? 'https://shop.example/' : '-'
  add(
    startMs,
    durationMs,
    `${ip} - ${user} [${stamp(startMs)}] "${method} ${target} HTTP/1.1" ${status} ${bytes} "${referer}" "${agent}"`,
  )
}

function add(startMs: number, durationMs: number, line: string): void {
  entries.push({ startMs, endMs: startMs + durationMs, line })
}

function stamp(timeMs: number): string {
  const iso = new Date(timeMs).toISOString()
  return `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`
}

/** People: a page, what the page loads, a pause, the next page. */
function visitors(): void {
  for (let visitor = 0; visitor < 68; visitor++) {
    const ip = pick([
      `192.0.2.${20 + visitor}`,
      `198.51.100.${20 + visitor}`,
      `2001:db8:${visitor.toString(16)}::17`,
    ])
    const agent = pick([AGENTS.firefox, AGENTS.chrome, AGENTS.chrome, AGENTS.phone])
    let atMs = between(START_MS, END_MS - 15 * MINUTE_MS)
    const pages = Math.floor(between(2, 7))
    for (let page = 0; page < pages; page++) {
      log(atMs, { ip, agent, target: pick(PAGES) })
      const assets = page === 0 ? ASSETS.length : Math.floor(between(0, 3))
      for (let asset = 0; asset < assets; asset++) {
        log(atMs + between(40, 900), {
          ip,
          agent,
          target: ASSETS[asset] as string,
          status: page === 0 ? 200 : 304,
        })
      }
      atMs += between(8, 90) * SECOND_MS
    }
  }
}

/** Busy, and within 30 a minute all the time. */
function wellBehaved(): void {
  for (let atMs = START_MS; atMs < END_MS; atMs += 30 * SECOND_MS) {
    log(atMs, { ip: '192.0.2.10', agent: AGENTS.monitor, target: '/health', durationMs: 4 })
  }
  for (let atMs = START_MS + 7 * MINUTE_MS; atMs < END_MS; atMs += between(20, 60) * SECOND_MS) {
    log(atMs, { ip: '198.51.100.9', agent: AGENTS.crawler, target: pick(PAGES) })
  }
}

/** Comes back three times, each time faster. */
function scraper(): void {
  const visits = [
    { minute: 14, requests: 75, gapMs: 900 },
    { minute: 47, requests: 110, gapMs: 600 },
    { minute: 95, requests: 150, gapMs: 350 },
  ]
  for (const { minute, requests, gapMs } of visits) {
    for (let index = 0; index < requests; index++) {
      const atMs = START_MS + minute * MINUTE_MS + index * gapMs + between(0, 150)
      log(atMs, { ip: '203.0.113.77', agent: AGENTS.scraper, target: `/shop/items/${1000 + index}` })
    }
  }
}

function passwordGuesser(): void {
  for (let index = 0; index < 120; index++) {
    const atMs = START_MS + 62 * MINUTE_MS + index * 1400 + between(0, 300)
    log(atMs, { ip: '203.0.113.140', agent: AGENTS.script, method: 'POST', target: '/login', status: 401 })
  }
}

/** An app that tries again at once when it is told to come later. */
function retryStorm(): void {
  for (let index = 0; index < 90; index++) {
    const atMs = START_MS + 78 * MINUTE_MS + index * 250 + between(0, 100)
    log(atMs, {
      ip: '2001:db8:77::5',
      agent: AGENTS.app,
      target: '/api/orders',
      user: 'ada',
      status: index < 4 ? 200 : 503,
    })
  }
}

/** An office behind one address: many people, one budget. */
function office(): void {
  for (let index = 0; index < 190; index++) {
    const atMs = START_MS + 30 * MINUTE_MS + index * 1500 + between(0, 2500)
    log(atMs, {
      ip: '198.51.100.200',
      agent: pick([AGENTS.chrome, AGENTS.firefox]),
      target: pick([...PAGES, ...ASSETS]),
    })
  }
}

/** What real logs hold besides: slow downloads, lines that came late, lines that are none. */
function oddities(): void {
  for (let index = 0; index < 24; index++) {
    const atMs = between(START_MS, END_MS - 3 * MINUTE_MS)
    log(atMs, {
      ip: `192.0.2.${100 + (index % 6)}`,
      agent: AGENTS.chrome,
      target: '/export/catalogue.csv',
      durationMs: between(6, 45) * SECOND_MS,
    })
  }
  const latestMs = START_MS + 55 * MINUTE_MS
  log(latestMs, {
    ip: '192.0.2.101',
    agent: AGENTS.script,
    target: '/export/everything.zip',
    durationMs: 140 * SECOND_MS,
  })
  log(START_MS + 70 * MINUTE_MS, {
    ip: '203.0.113.8',
    agent: AGENTS.hostile,
    target: '/<script>alert(1)</script>',
    status: 404,
  })
  add(
    START_MS + 5 * MINUTE_MS,
    1,
    `203.0.113.9 - - [${stamp(START_MS + 5 * MINUTE_MS)}] "\\x16\\x03\\x01\\x02\\x00\\x01" 400 226 "-" "-"`,
  )
  add(
    START_MS + 21 * MINUTE_MS,
    1,
    'AH00163: Apache/2.4.66 (Debian) configured -- resuming normal operations',
  )
  add(START_MS + 41 * MINUTE_MS, 1, '')
  add(START_MS + 52 * MINUTE_MS, 1, '192.0.2.61 - - [02/Mar/2026:09:52:')
  add(
    START_MS + 83 * MINUTE_MS,
    1,
    '198.51.100.31 - - [31/Feb/2026:10:23:00 +0000] "GET / HTTP/1.1" 200 512 "-" "-"',
  )
  add(START_MS + 101 * MINUTE_MS, 1, '192.0.2.77 - - [02/Mar/2026:10:41:00 +0000] "GET /shop')
}

for (const write of [visitors, wellBehaved, scraper, passwordGuesser, retryStorm, office, oddities]) write()
entries.sort((a, b) => a.endMs - b.endMs)
const path = process.argv[2] ?? new URL('../examples/access.log', import.meta.url)
writeFileSync(path, `${entries.map(({ line }) => line).join('\n')}\n`)
