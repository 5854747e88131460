/// The votes that wait. What is taken stays in a second list until the database has it, so that a worker that is killed
/// leaves nothing behind that its successor does not find.
struct Queue {
  private static let waiting = "votes"
  private static let taken = "votes:taken"
  private static let refused = "votes:refused"
  private static let batch = 200
  private static let waitSeconds = 1

  let redis: Redis

  /// Puts back what an earlier worker took and did not finish.
  func recover() throws -> Int {
    var count = 0
    while case .bulk = try redis.call("LMOVE", Self.taken, Self.waiting, "LEFT", "RIGHT") { count += 1 }
    return count
  }

  /// The oldest votes, after at most a second; none where there are none.
  func take() throws -> [[UInt8]] {
    guard
      case .bulk(let first) = try redis.call(
        "BLMOVE", Self.waiting, Self.taken, "RIGHT", "LEFT", "\(Self.waitSeconds)")
    else { return [] }
    var votes = [first]
    while votes.count < Self.batch,
      case .bulk(let vote) = try redis.call("LMOVE", Self.waiting, Self.taken, "RIGHT", "LEFT")
    {
      votes.append(vote)
    }
    return votes
  }

  /// Forgets a vote that the database has.
  func finish(_ vote: [UInt8]) throws {
    _ = try redis.call([Array("LREM".utf8), Array(Self.taken.utf8), Array("1".utf8), vote])
  }

  /// Lays aside what is no vote, for somebody to look at.
  func refuse(_ vote: [UInt8]) throws {
    _ = try redis.call([Array("LPUSH".utf8), Array(Self.refused.utf8), vote])
    try finish(vote)
  }
}
