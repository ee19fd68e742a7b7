/**
 * The scripts as one library of Redis Functions. Its name and those of its functions hold the version, so that two
 * releases can be loaded side by side.
 */

export interface FunctionContract {
  /** The script it is. */
  readonly script: string
  /** What `FUNCTION LOAD` has to know of it. */
  readonly flags: readonly string[]
}

export interface Library {
  readonly name: string
  /** Names by script. */
  readonly functions: Readonly<Record<string, { readonly name: string; readonly flags: readonly string[] }>>
  readonly text: string
}

/**
 * @param version of the release: what is neither a letter nor a digit becomes `_`, as names of libraries ask for
 * @param scripts the built text of each script
 */
export function buildLibrary(
  version: string,
  contracts: readonly FunctionContract[],
  scripts: ReadonlyMap<string, string>,
): Library {
  const name = `sluice_${version.replace(/[^A-Za-z0-9]/g, '_')}`
  const functions = contracts.map(({ script, flags }) => ({ script, name: `${name}_${script}`, flags }))
  const text = [
    `#!lua name=${name}`,
    ...functions.flatMap(({ script }) => functionLines(script, scripts.get(script))),
    ...functions.map(registerLine),
  ]
  return {
    name,
    functions: Object.fromEntries(functions.map(({ script, ...rest }) => [script, rest])),
    text: `${text.join('\n')}\n`,
  }
}

function functionLines(script: string, text: string | undefined): readonly string[] {
  if (text === undefined) throw new Error(`there is no script '${script}' to make a function of`)
  const body = text.trimEnd().split('\n')
  return [`local function ${script}(KEYS, ARGV)`, ...body.map(line => `  ${line}`), 'end']
}

function registerLine(contract: FunctionContract & { readonly name: string }): string {
  const { script, name, flags } = contract
  const list = flags.map(flag => `'${flag}'`).join(', ')
  return `redis.register_function{ function_name = '${name}', callback = ${script}, flags = {${list === '' ? '' : ` ${list} `}} }`
}
