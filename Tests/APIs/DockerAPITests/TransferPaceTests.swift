import Testing

@testable import DockerAPI

@Suite struct TransferPaceTests {
  @Test func aPauseIsAllowedOnce() {
    var pace = TransferPace()
    pace.received(bytes: 1, afterMilliseconds: 100_000)
    #expect(!pace.isSpent)
    pace.received(bytes: 1, afterMilliseconds: 30_000)
    #expect(pace.isSpent)
  }

  @Test func bytesEarnTheTimeBackUpToTheBound() {
    var pace = TransferPace()
    pace.received(bytes: 0, afterMilliseconds: 100_000)
    pace.received(bytes: 1 << 20, afterMilliseconds: 0)
    #expect(pace.leftMilliseconds == TransferPace.patienceMilliseconds)
    pace.received(bytes: 1 << 30, afterMilliseconds: 1)
    #expect(pace.leftMilliseconds == TransferPace.patienceMilliseconds)
  }

  @Test func aTrickleComesToItsEnd() {
    var pace = TransferPace()
    var rounds = 0
    while !pace.isSpent, rounds < 10_000 {
      pace.received(bytes: 100, afterMilliseconds: 1_000)
      rounds += 1
    }
    #expect((100...130).contains(rounds))
  }

  @Test func theSlowestRateLastsForEver() {
    var pace = TransferPace()
    for _ in 0..<10_000 { pace.received(bytes: Int(TransferPace.bytesPerSecond), afterMilliseconds: 1_000) }
    #expect(!pace.isSpent)
  }
}
