import { randomInt } from 'node:crypto'

const { SLUICE_FUZZ_SEED, SLUICE_FUZZ_STEPS } = process.env

/** Printed by every run; `SLUICE_FUZZ_SEED` makes a run come again. */
export const SEED = Number(SLUICE_FUZZ_SEED ?? randomInt(2 ** 31))
export const STEPS = Number(SLUICE_FUZZ_STEPS ?? 1_000_000)

/** Ten minutes for each million steps, of which a fifth is used where the machine does nothing else. */
export const TIME_LIMIT = { timeout: 600_000 * Math.max(1, STEPS / 1_000_000) }

/** How to make this run come again. */
export const announce = (): void => console.log(`SLUICE_FUZZ_SEED=${SEED} SLUICE_FUZZ_STEPS=${STEPS}`)
