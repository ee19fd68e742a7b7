import { ClientError } from '../../errors.js'

/** A client whose copies go on sending commands late or twice, whatever they are told. */
export const mayReplay = (): ClientError =>
  new ClientError(
    'client: a duplicate() of this client keeps commands for the next connection, although it is told not to, so a check ' +
      'could be charged late or twice; give the address instead, or { client, allowReplay: true } to accept that',
  )
