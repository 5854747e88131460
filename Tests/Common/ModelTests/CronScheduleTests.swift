import Foundation
import Testing

@testable import Model

@Suite struct CronScheduleTests {
  private static func seconds(_ text: String) throws -> Int64 {
    let date = try #require(ISO8601DateFormatter().date(from: text))
    return Int64(date.timeIntervalSince1970)
  }

  @Test(
    "the next time of a time-table",
    arguments: [
      ("* * * * *", "2026-11-28T10:00:30Z", "2026-11-28T10:01:00Z"),
      ("0 3 * * *", "2026-11-28T03:00:00Z", "2026-11-29T03:00:00Z"),
      ("*/15 8-9 * * *", "2026-11-28T09:45:00Z", "2026-11-29T08:00:00Z"),
      ("5/20 * * * *", "2026-11-28T09:46:00Z", "2026-11-28T10:05:00Z"),
      ("30 4 1,15 * *", "2026-11-16T00:00:00Z", "2026-12-01T04:30:00Z"),
      ("0 0 31 * *", "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"),
      ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
      ("0 12 * * 7", "2026-11-28T00:00:00Z", "2026-11-29T12:00:00Z"),
      ("0 12 * * 1-5", "2026-11-28T00:00:00Z", "2026-11-30T12:00:00Z"),
      ("0 0 13 * 5", "2026-11-28T00:00:00Z", "2026-12-04T00:00:00Z"),
      ("59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
    ])
  func next(table: String, after: String, expected: String) throws {
    #expect(try CronSchedule(table).next(after: Self.seconds(after)) == Self.seconds(expected))
  }

  @Test(
    "what is no time-table is refused with its field",
    arguments: [
      ("", "minute hour day"), ("* * * *", "minute hour day"), ("* * * * * *", "minute hour day"),
      ("60 * * * *", "minute '60'"), ("* 24 * * *", "hour '24'"), ("* * 0 * *", "day of month '0'"),
      ("* * * 13 *", "month '13'"), ("* * * * 8", "day of week '8'"), ("5-1 * * * *", "minute '5-1'"),
      ("*/0 * * * *", "minute '*/0'"), ("1, * * * *", "minute ''"), ("-1 * * * *", "minute '-1'"),
      ("0 0 30 2 *", "no such date"), ("a * * * *", "minute 'a'"), ("1/2/3 * * * *", "minute '1/2/3'"),
    ])
  func refused(table: String, part: String) throws {
    let error = try #require(throws: PlatformError.self) { try CronSchedule(table) }
    #expect(error.code == .invalidArgument)
    #expect(error.message.contains(part))
  }

  @Test func survivesItsRecord() throws {
    let schedule = try CronSchedule("0  3 * * 1")
    let bytes = try JSONEncoder().encode([schedule])
    #expect(String(bytes: bytes, encoding: .utf8) == "[\"0 3 * * 1\"]")
    #expect(try JSONDecoder().decode([CronSchedule].self, from: bytes) == [schedule])
  }
}
