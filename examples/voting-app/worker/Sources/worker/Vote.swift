import FoundationEssentials

/// One vote as the queue holds it.
struct Vote: Codable {
  /// 32 hexadecimal digits.
  let voter: String
  /// `a` or `b`.
  let choice: String
  /// Microseconds since 1970. Of two votes of a voter the later one counts, whichever comes first here.
  let castAt: Int64

  /// Nil where the text is no vote.
  init?(_ text: [UInt8]) {
    guard let vote = try? JSONDecoder().decode(Vote.self, from: Data(text)), vote.voter.utf8.count == 32,
      vote.voter.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }),
      ["a", "b"].contains(vote.choice)
    else { return nil }
    self = vote
  }
}
