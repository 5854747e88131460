/// How alike two names are, for what may have been meant by a wrong one.
public enum EditDistance {
  /// How many letters have to be put in, left out, replaced, or swapped with their neighbour; of the first 64 bytes.
  public static func between(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first.utf8.prefix(64)), Array(second.utf8.prefix(64)))
    // One row for each beginning of `a`; a column for each of `b`.
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }

  /// The name that is nearest to a word, if one is near: two letters may be wrong, and no more than half of them.
  public static func nearest(to word: String, among names: [String]) -> String? {
    let near = names.map { (name: $0, distance: between(word, $0)) }.min { $0.distance < $1.distance }
    guard let near, near.distance <= 2, near.distance * 2 <= word.count else { return nil }
    return near.name
  }
}
