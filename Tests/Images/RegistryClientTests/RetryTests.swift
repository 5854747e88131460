import Model
import Synchronization
import Testing

@testable import RegistryClient

@Suite struct RetryTests {
  private static let unconnected = RegistryFailure(.unreachable, "10.0.0.1:5000 does not answer", isUnconnected: true)
  private static let broken = RegistryFailure(.unreachable, "10.0.0.1:5000 closed the connection")

  /// Attempts and seconds until a request is given up, where each attempt takes `seconds`.
  private static func course(_ failure: RegistryFailure, each seconds: Double) -> (attempts: Int, seconds: Double) {
    let clock = Mutex(0.0)
    var count = RetryCount(RegistrySettings()) { clock.withLock { UInt64($0 * 1e9) } }
    var attempts = 1
    while true {
      clock.withLock { $0 += seconds }
      guard let wait = count.next(after: failure, wish: nil, jitter: 1) else {
        return (attempts, clock.withLock { $0 })
      }
      clock.withLock { $0 += wait }
      attempts += 1
    }
  }

  @Test func whatNobodyAnswersAtIsGivenUpWithinHalfAMinute() {
    let settings = RegistrySettings()
    let silent = Self.course(Self.unconnected, each: Double(settings.connectSeconds))
    #expect(silent.attempts == 2 && silent.seconds <= settings.retry.unconnectedSeconds)
    let refused = Self.course(Self.unconnected, each: 0)
    #expect(refused.attempts == settings.retry.attempts && refused.seconds <= settings.retry.unconnectedSeconds)
    // A connection that breaks is another matter.
    #expect(Self.course(Self.broken, each: 100).attempts == settings.retry.attempts)
  }

  @Test func theFirstFailureIsToldAtOnce() {
    let heard = Mutex<[String]>([])
    RegistryNotice.$current.withValue(RegistryNotice { text in heard.withLock { $0.append(text) } }) {
      _ = Self.course(Self.unconnected, each: 0)
    }
    #expect(heard.withLock { $0 } == ["10.0.0.1:5000 does not answer: trying again"])
  }

  @Test func whatGetsOnBeginsAnew() {
    var count = RetryCount(RegistrySettings()) { 0 }
    for _ in 1..<6 { #expect(count.next(after: Self.broken, wish: nil) != nil) }
    #expect(count.isLast && count.next(after: Self.broken, wish: nil) == nil)
    count.restart()
    #expect(!count.isLast && count.next(after: Self.broken, wish: 2) == 2)
  }
}
