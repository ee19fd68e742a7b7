import { REPORT_SCHEMA, type ReplayReport } from '../../../../src/replay/report.js'

const HOSTILE = '<script>alert("1")</script>\x1b[2J\u202e'

/** A report of a log that somebody wrote to break it. */
export function exampleReport(change: Partial<ReplayReport['policies'][number]> = {}): ReplayReport {
  return {
    schema: REPORT_SCHEMA,
    log: {
      name: `<img src=x>${HOSTILE}.log`,
      format: 'combined',
      lines: 12,
      requests: 10,
      blank: 1,
      malformed: {
        lines: 1,
        reasons: [{ reason: 'no client address at the start', lines: 1, firstLines: [3] }],
      },
      outOfOrder: 2,
      late: 1,
      longestLateMs: 1500,
      from: '2015-05-17T10:05:00.000Z',
      to: '2015-05-17T10:05:02.000Z',
    },
    cost: 1,
    bucketMs: 1000,
    policies: [
      {
        name: `per-agent ${HOSTILE}`,
        by: ['user-agent'],
        limits: [{ algorithm: 'gcra', limit: 3, windowMs: 60_000, period: null, burst: 3 }],
        requests: 9,
        withoutSubject: 1,
        allowed: 6,
        refused: 3,
        refusedShare: 0.333333,
        delayed: 0,
        longestDelayMs: 0,
        longestWaitMs: 19_000,
        subjects: 4,
        limitedSubjects: 3,
        top: [
          {
            subject: { 'user-agent': HOSTILE },
            requests: 5,
            refused: 2,
            refusedShare: 0.4,
            longestWaitMs: 19_000,
            first: '2015-05-17T10:05:00.000Z',
            last: '2015-05-17T10:05:02.000Z',
          },
        ],
        timeline: [
          { from: '2015-05-17T10:05:00.000Z', allowed: 4, refused: 0 },
          { from: '2015-05-17T10:05:01.000Z', allowed: 0, refused: 0 },
          { from: '2015-05-17T10:05:02.000Z', allowed: 2, refused: 3 },
        ],
        ...change,
      },
    ],
  }
}
