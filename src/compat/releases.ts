import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { Op } from '../core/step.js'
import { OptionError } from '../errors.js'
import { show } from '../policy/refusal.js'

/** A file as the manifest describes it. */
const FileDigest = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(0) })

const ScriptEntry = FileDigest.extend({
  sha1: z.string().regex(/^[0-9a-f]{40}$/),
  keys: z.string(),
  args: z.string(),
  reply: z.string(),
})

const Manifest = z.object({
  /** Absent in 0.9.0, whose keys are those of the first layout. */
  release: z.string().optional(),
  wireVersion: z.int(),
  stateVersion: z.int(),
  /** `shards`: where the configuration names none; 0.9.0 does not tell. */
  keys: z.object({ layout: z.string(), shards: z.int().optional() }).default({ layout: 'sl1' }),
  /** `decide`: SHA-256 of the script that the examples were made for. */
  golden: FileDigest.extend({ decide: z.string() }).optional(),
  scripts: z.record(z.string(), ScriptEntry),
  functions: FileDigest.extend({ library: z.string() }).optional(),
})

const KeyExample = z.looseObject({ story: z.string(), key: z.string() })
const StateStep = z.object({
  nowUs: z.number(),
  /** From this step on. */
  plan: z.record(z.string(), z.unknown()).optional(),
  op: z.enum(Object.keys(Op) as [keyof typeof Op, ...(keyof typeof Op)[]]),
  n: z.number(),
  at: z.number().default(0),
  lease: z.string().optional(),
  /** What the key holds after the step; without it, the step writes nothing. */
  state: z.union([z.string(), z.array(z.number())]).optional(),
})
const StateStory = z.object({ algorithm: z.string(), story: z.string(), steps: z.array(StateStep) })
const Golden = z.object({ keys: z.array(KeyExample), states: z.array(StateStory) })

export type ReleaseManifest = Readonly<z.infer<typeof Manifest>>
export type Golden = Readonly<z.infer<typeof Golden>>
export type StateStep = Readonly<z.infer<typeof StateStep>>
export type StateStory = Readonly<z.infer<typeof StateStory>>

/** What one release of Sluice does with keys and states, as its folder says. */
export interface Release {
  /** As the person named it. */
  readonly name: string
  readonly manifest: ReleaseManifest
  /** Keys and states by example; undefined in 0.9.0, which has none, and where the file is damaged. */
  readonly golden: Golden | undefined
  /**
   * What its own script leaves in a key: by its own examples, or by those of a release that this package keeps and whose script is the
   * same. Undefined where there are none, or they were made for another script.
   */
  readonly stories: readonly StateStory[] | undefined
  /** The script that writes the states; undefined where its file is damaged. */
  readonly decide: string | undefined
  /** Files that are not what the manifest describes. */
  readonly damage: readonly Damage[]
}

export interface Damage {
  /** Below the folder of the release. */
  readonly path: string
  readonly problem: string
}

/** Of this package: its own scripts, and below `releases` those of every release. */
export const LUA_FOLDER = fileURLToPath(new URL('../../lua/', import.meta.url))
const RELEASES = join(LUA_FOLDER, 'releases')
const MANIFEST = 'manifest.json'
const GOLDEN = 'golden.json'

/**
 * Reads a release and compares its files with its manifest.
 *
 * @param path of a folder such as `lua` or `lua/releases/0.9.0`, or of the `manifest.json` in it
 * @throws OptionError when there is none, or its manifest is not one
 */
export function readRelease(path: string): Release {
  const folder = path.endsWith(MANIFEST) ? join(path, '..') : path
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OptionError(
      `${show(path)} is no release: there is no such folder; name one with a ${MANIFEST}, such as lua/releases/0.9.0`,
    )
  }
  const manifest = readManifest(join(folder, MANIFEST))
  const { golden: goldenDigest, functions } = manifest
  const damage: Damage[] = []
  const read = (file: string, digest: z.infer<typeof FileDigest>): string | undefined => {
    const found = readChecked(folder, file, digest)
    if (typeof found === 'string') return found
    damage.push(found)
    return undefined
  }
  const scripts = Object.entries(manifest.scripts).map(
    ([name, script]) => [name, read(`dist/${name}.lua`, script)] as const,
  )
  if (functions !== undefined) read('dist/functions.lua', functions)
  const text = goldenDigest && read(GOLDEN, goldenDigest)
  const golden = text === undefined ? undefined : parseGolden(text)
  if (text !== undefined && golden === undefined)
    damage.push({ path: GOLDEN, problem: 'is no list of examples' })
  const { decide } = Object.fromEntries(scripts)
  return { name: path, manifest, golden, stories: storiesOf(manifest, golden), decide, damage }
}

function storiesOf(manifest: ReleaseManifest, golden: Golden | undefined): readonly StateStory[] | undefined {
  const decide = manifest.scripts.decide?.sha256
  if (decide === undefined) return undefined
  if (golden !== undefined && manifest.golden?.decide === decide) return golden.states
  for (const folder of readdirSync(RELEASES).map(release => join(RELEASES, release))) {
    const kept = readManifest(join(folder, MANIFEST)).golden
    const text = kept?.decide === decide && readChecked(folder, GOLDEN, kept)
    if (typeof text === 'string') return parseGolden(text)?.states
  }
  return undefined
}

function readManifest(path: string): ReleaseManifest {
  try {
    const parsed = Manifest.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    if (parsed.success) return parsed.data
    throw new Error(z.prettifyError(parsed.error))
  } catch (error) {
    throw new OptionError(`${path} is no manifest of a release: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function readChecked(
  folder: string,
  path: string,
  { sha256, bytes }: z.infer<typeof FileDigest>,
): string | Damage {
  let content: Buffer
  try {
    content = readFileSync(join(folder, path))
  } catch (error) {
    return { path, problem: `cannot be read (${(error as NodeJS.ErrnoException).code})` }
  }
  const found = createHash('sha256').update(content).digest('hex')
  if (found === sha256) return content.toString('utf8')
  return {
    path,
    problem: `has ${content.length} bytes and SHA-256 ${found}, the manifest says ${bytes} and ${sha256}`,
  }
}

function parseGolden(text: string): Golden | undefined {
  try {
    return Golden.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
