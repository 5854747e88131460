/// Lists of processors or memory nodes such as `0-2,7`. Source: cpuset(7), *List format*.
public enum IndexList {
  /// The kernel's greatest number of processors.
  static let maximumIndex = 8191
  static let maximumBytes = 4096

  /// The numbers of a list; nil where it has not that form. Empty text is an empty list.
  public static func parse(_ text: String) -> Set<Int>? {
    guard text.utf8.count <= maximumBytes else { return nil }
    if text.isEmpty { return [] }
    var result: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard (1...2).contains(ends.count), let first = number(ends[0]), let last = number(ends[ends.count - 1]),
        first <= last
      else { return nil }
      result.formUnion(first...last)
    }
    return result
  }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let value = Int(text), value <= maximumIndex
    else { return nil }
    return value
  }

  /// The shortest text for a set of numbers.
  public static func text(_ numbers: Set<Int>) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }
}
