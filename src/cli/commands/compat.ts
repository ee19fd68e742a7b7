import type { Command } from 'commander'
import type { Exit } from '../exit-codes.js'
import type { Output } from '../output.js'
import { addCompatCheckCommand } from './compat-check.js'
import { addCompatLiveCommand } from './compat-live.js'

/** Questions around an upgrade or a move. */
export function addCompatCommands(program: Command, output: Output, onExit: (code: Exit) => void): void {
  const compat = program
    .command('compat')
    .description('before an upgrade or a move: compare releases, see what is on a server')
  addCompatCheckCommand(compat, output, onExit)
  addCompatLiveCommand(compat, output)
}
