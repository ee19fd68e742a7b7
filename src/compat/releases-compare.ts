import type { Release, StateStory } from './releases.js'

/**
 * - `same`: nothing differs.
 * - `note`: something differs, and does not matter to a fleet of both.
 * - `unknown`: it cannot be told from what the releases say of themselves.
 * - `breaks`: a fleet of both would count wrongly or refuse.
 */
export type Verdict = 'same' | 'note' | 'unknown' | 'breaks'

export interface Finding {
  readonly about: string
  readonly verdict: Verdict
  readonly found: string
  /** What follows for a fleet, and what to do; empty where nothing does. */
  readonly meaning: string
}

export interface Compatibility {
  /** Replicas of both may share keys, in any mix, and be rolled forth and back. */
  readonly compatible: boolean
  readonly findings: readonly Finding[]
}

export interface CompareOptions {
  /** Shards that the configuration of all replicas names; undefined: it names none. */
  readonly shards?: number | undefined
  /** What a server showed of the states, by `showStates`; undefined: none was asked. */
  readonly shown?: readonly Finding[] | undefined
}

/** May replicas of these two releases work on the same keys at once? */
export function compareReleases(
  before: Release,
  after: Release,
  { shards, shown }: CompareOptions = {},
): Compatibility {
  const findings = [
    filesOf(before),
    filesOf(after),
    stateVersions(before, after),
    keyLayouts(before, after, shards),
    keyExamples(before, after),
    ...(shown ?? states(before, after)),
    ...scripts(before, after),
    wireVersions(before, after),
    functions(before, after),
  ].filter(finding => finding !== undefined)
  return {
    compatible: findings.every(({ verdict }) => verdict === 'same' || verdict === 'note'),
    findings,
  }
}

const finding = (about: string, verdict: Verdict, found: string, meaning = ''): Finding => ({
  about,
  verdict,
  found,
  meaning,
})

function filesOf({ name, damage }: Release): Finding {
  const about = `files of ${name}`
  if (damage.length === 0) return finding(about, 'same', 'are what the manifest describes')
  return finding(
    about,
    'breaks',
    damage.map(({ path, problem }) => `${path} ${problem}`).join('; '),
    'somebody changed them after they were built; a process refuses to start with such scripts: build or install anew',
  )
}

function stateVersions({ manifest: before }: Release, { manifest: after }: Release): Finding {
  const about = 'state version'
  if (before.stateVersion === after.stateVersion) return finding(about, 'same', `${before.stateVersion}`)
  return finding(
    about,
    'breaks',
    `${before.stateVersion} and ${after.stateVersion}`,
    'they cannot read what the other writes, and the second to come refuses every call (ERR_SLUICE_META_MISMATCH): stop the ' +
      'fleet and start it anew under another prefix',
  )
}

function keyLayouts(
  { manifest: before }: Release,
  { manifest: after }: Release,
  shards: number | undefined,
): Finding {
  const about = 'key layout'
  if (before.keys.layout !== after.keys.layout) {
    return finding(
      about,
      'breaks',
      `'${before.keys.layout}' and '${after.keys.layout}'`,
      'a subject has another key in each, so a fleet of both admits twice the limit, and every counter starts anew',
    )
  }
  if (shards !== undefined) {
    return finding(about, 'same', `'${before.keys.layout}', ${shards} shards by the configuration`)
  }
  if (before.keys.shards === undefined || after.keys.shards === undefined) {
    const known = before.keys.shards ?? after.keys.shards
    return finding(
      about,
      'unknown',
      `'${before.keys.layout}' in both; one does not tell its number of shards where the configuration names none` +
        (known === undefined ? '' : `, the other has ${known}`),
      'name the same number of shards in all replicas, and tell it here by --shards: 0.9.0 had 128 by itself',
    )
  }
  if (before.keys.shards !== after.keys.shards) {
    return finding(
      about,
      'breaks',
      `${before.keys.shards} and ${after.keys.shards} shards where the configuration names none`,
      `a subject has another key in each: set shards: ${before.keys.shards} in all replicas before the upgrade, and tell it ` +
        `here by --shards ${before.keys.shards}`,
    )
  }
  return finding(about, 'same', `'${before.keys.layout}', ${before.keys.shards} shards by default`)
}

/** What an example was given, as one text; `story` is only its name. */
const inputOf = ({ story: _, key: _key, slot: _slot, ...input }: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(input)

function keyExamples(before: Release, after: Release): Finding | undefined {
  const about = 'keys by example'
  if (before.golden === undefined || after.golden === undefined) {
    return finding(
      about,
      'note',
      `${before.golden === undefined ? before.name : after.name} has none`,
      'the layout is judged by its version alone',
    )
  }
  const keys = new Map(before.golden.keys.map(example => [inputOf(example), example.key]))
  const common = after.golden.keys.filter(example => keys.has(inputOf(example)))
  const changed = common.filter(example => keys.get(inputOf(example)) !== example.key)
  const [first] = changed
  if (first === undefined) {
    return common.length === 0
      ? finding(about, 'unknown', 'no example is in both', 'run the key parity tests against both')
      : finding(about, 'same', `${common.length} examples have the same key in both`)
  }
  return finding(
    about,
    'breaks',
    `${changed.length} of ${common.length} examples have another key; '${first.story}': ${keys.get(inputOf(first))} ` +
      `and ${first.key}`,
    'a subject has another key in each, so a fleet of both admits twice the limit, and every counter starts anew',
  )
}

/** What the calls up to a step leave in the key, by these calls. */
function statesBySteps(stories: readonly StateStory[]): Map<string, string> {
  const states = new Map<string, string>()
  for (const { steps } of stories) {
    let calls = ''
    for (const { state, ...call } of steps) {
      calls += `${JSON.stringify(call)}\n`
      if (state !== undefined) states.set(calls, JSON.stringify(state))
    }
  }
  return states
}

function states(before: Release, after: Release): readonly Finding[] {
  const unchanged = before.manifest.scripts.decide?.sha256 === after.manifest.scripts.decide?.sha256
  if (unchanged && before.manifest.scripts.decide !== undefined) {
    return [finding('states', 'same', 'decide is the same script, byte for byte')]
  }
  const { stories } = before
  const { stories: others } = after
  if (stories === undefined || others === undefined) {
    return [
      finding(
        'states',
        'unknown',
        `decide differs, and ${(stories === undefined ? before : after).name} has no examples of what its own leaves in a key`,
        'that the state version is the same is only said, not shown: name a server by --store, and it is shown there',
      ),
    ]
  }
  const algorithms = new Set(stories.map(({ algorithm }) => algorithm))
  return [...algorithms].map(algorithm => {
    const ofIt = (story: StateStory) => story.algorithm === algorithm
    return statesOf(algorithm, stories.filter(ofIt), others.filter(ofIt))
  })
}

function statesOf(algorithm: string, before: readonly StateStory[], after: readonly StateStory[]): Finding {
  const about = `state of ${algorithm}`
  const known = statesBySteps(before)
  const common = [...statesBySteps(after)].filter(([calls]) => known.has(calls))
  const changed = common.filter(([calls, state]) => known.get(calls) !== state)
  const [first] = changed
  if (first === undefined) {
    return common.length === 0
      ? finding(about, 'unknown', 'no example is in both', 'run the key parity tests against both')
      : finding(about, 'same', `${common.length} examples leave the same bytes in both`)
  }
  const [calls, state] = first
  const count = calls.split('\n').length - 1
  return finding(
    about,
    'breaks',
    `${changed.length} of ${common.length} examples leave another value; after ${count === 1 ? 'one call' : `${count} calls`}: ` +
      `${known.get(calls)} and ${state}`,
    'they misread the counters of the other: a changed state needs a state version of its own',
  )
}

function scripts(before: Release, after: Release): readonly Finding[] {
  const names = new Set([...Object.keys(before.manifest.scripts), ...Object.keys(after.manifest.scripts)])
  return [...names].map(name => {
    const about = `script ${name}`
    const old = before.manifest.scripts[name]
    const young = after.manifest.scripts[name]
    if (old === undefined)
      return finding(about, 'note', `only in ${after.name}`, 'replicas of the other do without it')
    if (young === undefined)
      return finding(about, 'note', `only in ${before.name}`, 'replicas of the other do without it')
    const contract = (['keys', 'args', 'reply'] as const).filter(part => old[part] !== young[part])
    if (contract.length > 0) {
      return finding(
        about,
        'note',
        `takes or answers something else: ${contract.map(part => `${part} '${old[part]}' and '${young[part]}'`).join(', ')}`,
        'every process calls the scripts of its own release; one that was given the scripts of the other by hand fails',
      )
    }
    if (old.sha256 === young.sha256) return finding(about, 'same', old.sha1)
    return finding(
      about,
      'note',
      `${old.sha1} and ${young.sha1}`,
      'another text of the same state version: interchangeable on the same keys; a server keeps both',
    )
  })
}

function wireVersions({ manifest: before }: Release, { manifest: after }: Release): Finding {
  const about = 'wire version'
  if (before.wireVersion === after.wireVersion) return finding(about, 'same', `${before.wireVersion}`)
  return finding(
    about,
    'note',
    `${before.wireVersion} and ${after.wireVersion}`,
    'every process speaks with the scripts of its own release, so both work at once',
  )
}

function functions({ manifest: before }: Release, { manifest: after }: Release): Finding {
  const about = 'library of functions'
  const [old, young] = [before.functions, after.functions]
  if (old === undefined || young === undefined) {
    const found = old === young ? 'in neither' : `only in one: '${(old ?? young)?.library}'`
    return finding(about, 'note', found, 'a fleet of both may mix FCALL and EVALSHA')
  }
  if (old.library !== young.library) {
    return finding(
      about,
      'same',
      `'${old.library}' and '${young.library}', which a server keeps side by side`,
    )
  }
  if (old.sha256 === young.sha256) return finding(about, 'same', `'${old.library}'`)
  return finding(
    about,
    'breaks',
    `both are named '${old.library}', with different texts`,
    "with scripts: 'functions' the second to come is refused by the server: give the release a version of its own",
  )
}
