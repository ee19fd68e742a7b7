/** What the lease holder and its test agree on. Renewed every third of the lease. */
export const JOBS = { algorithm: 'concurrency', limit: 3, lease: '2s' } as const
export const LEASE_MS = 2000
