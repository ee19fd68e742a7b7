import { Command, CommanderError } from 'commander'
import { addCheckCommands } from './commands/check.js'
import { addCompatCommands } from './commands/compat.js'
import { addDoctorCommand } from './commands/doctor.js'
import { addInspectCommand } from './commands/inspect.js'
import { addMetaCommand } from './commands/meta.js'
import { addMigrateCommand } from './commands/migrate.js'
import { addReplayCommand } from './commands/replay.js'
import { addResetCommand } from './commands/reset.js'
import { Exit, exitCodeOf } from './exit-codes.js'
import { createOutput, type Streams } from './output.js'
import { createProgress } from './progress-bar.js'
import { packageVersion } from './version.js'

/**
 * Runs the command line.
 *
 * @param args what stands after the name of the program
 * @param streams where to write
 * @returns what the process ends with
 */
export async function run(args: readonly string[], streams: Streams = process): Promise<Exit> {
  const output = createOutput(streams)
  let exit: Exit = Exit.ok
  const program = new Command('sluice')
    .description('Rate limits for fleets that share Redis: ask, look, and try limits out on real logs.')
    .version(packageVersion())
    .option('--debug', 'print the stack of an error')
    .configureOutput({
      writeOut: text => void streams.stdout.write(text),
      writeErr: text => void streams.stderr.write(text),
    })
    // Inherited by the commands, so it stands before them: errors are thrown, and answered below.
    .exitOverride()
  const onExit = (code: Exit) => {
    exit = code
  }
  addCheckCommands(program, output, onExit)
  addResetCommand(program, output)
  addInspectCommand(program, output, onExit)
  addReplayCommand(program, output, createProgress(streams.stderr, 'reading'))
  addMetaCommand(program, output, onExit)
  addDoctorCommand(program, output, onExit)
  addCompatCommands(program, output, onExit)
  addMigrateCommand(program, output, createProgress(streams.stderr, 'migrating'), onExit)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exit
  } catch (error) {
    // Commander has said what is wrong already; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.ok : Exit.usage
    output.note(describeError(error, program.opts<{ debug?: boolean }>().debug === true))
    return exitCodeOf(error)
  }
}

function describeError(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`
  if (debug) return `error: ${error.stack ?? error.message}`
  const hint = exitCodeOf(error) === Exit.defect ? ' (a defect of sluice: --debug tells where)' : ''
  return `error: ${error.message}${hint}`
}
