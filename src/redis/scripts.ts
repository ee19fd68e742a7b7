import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ScriptingError } from '../errors.js'
import { type EvaluateOptions, type RedisClient, type ScriptArg, ServerError } from './redis-client.js'

/** `lua/` of the package: the sources and the built files that read it stand two folders below the root. */
const LUA_FOLDER = new URL('../../lua/', import.meta.url)

const Sha1 = z.string().regex(/^[0-9a-f]{40}$/)
const ScriptManifest = z.object({ sha1: Sha1 })
const FunctionManifest = z.object({ name: z.string() })
const Manifest = z.object({
  wireVersion: z.literal(1),
  stateVersion: z.literal(1),
  scripts: z.object({ decide: ScriptManifest, inspect: ScriptManifest }).catchall(ScriptManifest),
  /** Absent in releases before there were functions. */
  functions: z
    .object({
      library: z.string(),
      sha1: Sha1,
      functions: z.object({ decide: FunctionManifest, inspect: FunctionManifest }),
    })
    .optional(),
})
type Manifest = z.infer<typeof Manifest>

export interface Script {
  readonly name: string
  readonly source: string
  /** By which servers know it: lower-case hex. */
  readonly sha1: string
  /** Where it is to be called as a function; undefined: by its digest. */
  readonly asFunction?: LibraryFunction
}

/** A function of a library that `FUNCTION LOAD` takes. */
interface LibraryFunction {
  readonly name: string
  readonly library: { readonly name: string; readonly source: string }
}

/** How scripts are called: EVALSHA with EVAL where it is missing, or FCALL with FUNCTION LOAD where it is missing. */
export type ScriptBuild = 'evalsha' | 'functions'

export interface Scripts {
  readonly decide: Script
  readonly inspect: Script
}

/**
 * Reads the scripts of this package.
 *
 * @param folder where `manifest.json` and `dist/` are
 * @throws ScriptingError when a file is missing or is not the one the manifest describes
 */
export function loadScripts(build: ScriptBuild = 'evalsha', folder: URL = LUA_FOLDER): Scripts {
  const manifest = readManifest(folder)
  const scripts = { decide: load('decide', manifest, folder), inspect: load('inspect', manifest, folder) }
  if (build === 'evalsha') return scripts
  const { functions } = manifest
  if (functions === undefined) {
    throw new ScriptingError(`${folder.pathname}manifest.json is of a release without functions`)
  }
  const { source } = readChecked('functions', functions.sha1, folder)
  const library = { name: functions.library, source }
  const asFunction = (name: keyof Scripts): Script => ({
    ...scripts[name],
    asFunction: { name: functions.functions[name].name, library },
  })
  return { decide: asFunction('decide'), inspect: asFunction('inspect') }
}

/**
 * Reads one script of this package, such as `compat/rate_limit_redis`.
 *
 * @throws ScriptingError as `loadScripts` does
 */
export const loadScript = (name: string): Script => load(name, readManifest(LUA_FOLDER), LUA_FOLDER)

function readManifest(folder: URL): Manifest {
  const manifest = Manifest.safeParse(JSON.parse(read(folder, 'manifest.json')))
  if (manifest.success) return manifest.data
  throw new ScriptingError(
    `${folder.pathname}manifest.json is not one of this version:\n${z.prettifyError(manifest.error)}`,
  )
}

const load = (name: string, manifest: Manifest, folder: URL): Script => ({
  name,
  ...readChecked(name, manifest.scripts[name]?.sha1, folder),
})

function readChecked(
  name: string,
  expected: string | undefined,
  folder: URL,
): { readonly source: string; readonly sha1: string } {
  const source = read(folder, `dist/${name}.lua`)
  const sha1 = createHash('sha1').update(source).digest('hex')
  if (sha1 === expected) return { source, sha1 }
  throw new ScriptingError(
    `${folder.pathname}dist/${name}.lua was changed: its SHA-1 is ${sha1}, and ${expected} in manifest.json; ` +
      `install the package anew`,
  )
}

function read(folder: URL, path: string): string {
  try {
    return readFileSync(new URL(path, folder), 'utf8')
  } catch (cause) {
    throw new ScriptingError(
      `cannot read ${folder.pathname}${path}; the package must be installed with its 'lua' folder: ` +
        `a bundler has to leave 'sluice' external`,
      { cause },
    )
  }
}

/**
 * Runs a script by its digest or as a function. Where the server does not know it (SCRIPT FLUSH, a restart, a failover),
 * the same call once more: by its source, or after loading its library. That answer is the one error after which
 * nothing can have been executed, so nothing is charged twice.
 */
export function runScript(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly ScriptArg[],
  options?: EvaluateOptions,
): Promise<unknown> {
  const { sha1, source, asFunction } = script
  if (asFunction !== undefined) return runFunction(client, asFunction, keys, args, options)
  return client.evaluate('evalsha', sha1, keys, args, options).catch(error => {
    if (error instanceof ServerError && error.kind === 'NOSCRIPT') {
      return client.evaluate('eval', source, keys, args, options)
    }
    throw error
  })
}

/** The whole reply, as Redis and Valkey give it: its kind is that of many other errors. */
const FUNCTION_NOT_FOUND = 'ERR Function not found'

async function runFunction(
  client: RedisClient,
  { name, library }: LibraryFunction,
  keys: readonly string[],
  args: readonly ScriptArg[],
  options?: EvaluateOptions,
): Promise<unknown> {
  try {
    return await client.evaluate('fcall', name, keys, args, options)
  } catch (error) {
    if (!(error instanceof ServerError && error.message === FUNCTION_NOT_FOUND)) throw error
  }
  await loadLibrary(client, library)
  return client.evaluate('fcall', name, keys, args, options)
}

/**
 * Makes the script known to a server, on every connection: a restarted server, or the next primary, knows none. A user
 * may lack the right to, and still call what an administrator has loaded, or EVAL: then `assertCallable` tells.
 *
 * @throws ServerError for anything else; ScriptingError when the name of the library is taken
 */
export async function preload(client: RedisClient, script: Script): Promise<void> {
  const { source, asFunction } = script
  try {
    if (asFunction === undefined) await client.call('SCRIPT', 'LOAD', source)
    else await loadLibrary(client, asFunction.library)
  } catch (error) {
    const reply = error instanceof ScriptingError ? error.cause : error
    if (!(reply instanceof ServerError && reply.kind === 'NOPERM')) throw error
  }
}

/**
 * Who may load a script may not always call it, and the other way round. It refuses a call without content, and so shows
 * that it may be called.
 *
 * @throws ServerError when it may not
 */
export async function assertCallable(client: RedisClient, script: Script): Promise<void> {
  // A library may still be loaded by somebody else, before the first call.
  if (script.asFunction !== undefined) return
  try {
    await runScript(client, script, [], [])
  } catch (error) {
    if (!(error instanceof ServerError && error.kind === 'SLUICE')) throw error
  }
}

/** Never in place of another: what stands under this name is of this very release, or somebody has changed it. */
async function loadLibrary(client: RedisClient, library: LibraryFunction['library']): Promise<void> {
  const { name, source } = library
  try {
    await client.call('FUNCTION', 'LOAD', source)
  } catch (error) {
    if (!(error instanceof ServerError)) throw error
    if (error.kind === 'NOPERM') {
      throw new ScriptingError(
        `Redis does not let this user load functions: ${error.message}; allow FUNCTION, or let an administrator load ` +
          `lua/dist/functions.lua of the package, or leave out scripts: 'functions'`,
        { cause: error },
      )
    }
    if (error.message !== `ERR Library '${name}' already exists`) throw error
    if ((await sourceOf(client, name)) === source) return
    throw new ScriptingError(
      `the server at ${client.address} has another library '${name}' than this release: it was changed; delete it with ` +
        `FUNCTION DELETE ${name}, and it is loaded anew`,
      { cause: error },
    )
  }
}

const LibraryList = z.tuple([z.array(z.unknown())])

/** What the server has loaded under this name. */
async function sourceOf(client: RedisClient, name: string): Promise<unknown> {
  const reply = LibraryList.safeParse(await client.call('FUNCTION', 'LIST', 'LIBRARYNAME', name, 'WITHCODE'))
  if (!reply.success) return undefined
  const [fields] = reply.data
  return fields[fields.indexOf('library_code') + 1]
}
