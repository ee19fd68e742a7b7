/** The ratios the scripts are held to, from the figures of one run. */
export function printTargets(us: ReadonlyMap<string, number>): void {
  const get = (start: string): number => {
    for (const [name, value] of us) if (name.startsWith(start)) return value
    throw new Error(`no workload begins with "${start}"`)
  }
  console.log('| ratio | measured | goal |\n|---|---|---|')
  const row = (says: string, ratio: number, goal: string): void =>
    console.log(`| ${says} | ${ratio.toFixed(2)} | ${goal} |`)
  for (const algorithm of ['gcra', 'fixed_window']) {
    const live = get(`${algorithm} consume, batch 64`)
    row(`${algorithm}, batch 64, to the INCR loop, live keys`, live / get('INCR loop, batch 64'), '≤ 3.2')
    row(
      `${algorithm}, batch 64, to the INCR loop, new keys`,
      get(`${algorithm} consume, every key new`) / get('INCR loop, every key new'),
      '≤ 5',
    )
    row(
      `${algorithm}, one EVALSHA per check to batch 64`,
      get(`${algorithm} consume, batch 1,`) / live,
      '≥ 3',
    )
    row(
      `${algorithm}, batch of 1 to the textbook script`,
      get(`${algorithm} consume, batch 1,`) / get('textbook'),
      '≤ 1.2',
    )
    for (const batch of [1, 64]) {
      const digest = get(`${algorithm} consume, batch ${batch},`)
      row(
        `${algorithm}, FCALL to EVALSHA, batch ${batch}`,
        get(`${algorithm} consume as a function, batch ${batch}`) / digest,
        '≤ 1.1',
      )
    }
    row(
      `${algorithm}, requests of 4 to single checks, batch 64`,
      get(`${algorithm} consume, requests of 4, batch 64`) / live,
      '≤ 1.4',
    )
    row(
      `${algorithm}, a request of 4 to 4 single checks, batch 4`,
      get(`${algorithm} consume, requests of 4, batch 4`) / get(`${algorithm} consume, batch 4,`),
      '≤ 1.4',
    )
  }
}
