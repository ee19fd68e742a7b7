import { z } from 'zod'

/** What `INFO` tells of a server, as far as the doctor looks at it. Sizes in bytes. */
const Info = z.object({
  redis_version: z.string().optional(),
  valkey_version: z.string().optional(),
  redis_mode: z.string().optional(),
  used_memory: z.coerce.number().default(0),
  maxmemory: z.coerce.number().default(0),
  maxmemory_policy: z.string().default('noeviction'),
  evicted_keys: z.coerce.number().default(0),
  loading: z.string().default('0'),
  aof_enabled: z.string().default('0'),
  aof_last_write_status: z.string().default('ok'),
  rdb_last_bgsave_status: z.string().default('ok'),
  role: z.string().default('master'),
  connected_slaves: z.coerce.number().default(0),
  min_slaves_good_slaves: z.coerce.number().optional(),
})

export type ServerInfo = Readonly<z.infer<typeof Info>>

/** Reads the reply of `INFO`: lines of `name:value`. */
export function readInfo(text: string): ServerInfo {
  const fields = text
    .split('\r\n')
    .filter(line => !line.startsWith('#') && line.includes(':'))
    .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const)
  return Info.parse(Object.fromEntries(fields))
}

export const versionOf = (info: ServerInfo): string =>
  info.valkey_version === undefined
    ? `Redis ${info.redis_version ?? 'of an unknown version'}`
    : `Valkey ${info.valkey_version}`
