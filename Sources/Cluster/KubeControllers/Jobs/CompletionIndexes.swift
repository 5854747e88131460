/// Indexes of an indexed job as its status writes them: `0-3,5`. Source: Kubernetes *Jobs*, completion mode.
struct CompletionIndexes: Equatable {
  private(set) var indexes: Set<Int64> = []
  private let completions: Int64

  /// What lies beyond the job's completions counts no more.
  init(parsing text: String, completions: Int64) {
    self.completions = completions
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last,
        first < completions
      else { continue }
      for index in first...min(last, completions - 1) { indexes.insert(index) }
    }
  }

  /// A pod may name any index: one that is none of the job's counts for nothing.
  mutating func insert(_ index: Int64) {
    if index >= 0, index < completions { indexes.insert(index) }
  }
  func contains(_ index: Int64) -> Bool { indexes.contains(index) }
  var count: Int { indexes.count }

  var text: String {
    var parts: [String] = []
    var run: ClosedRange<Int64>?
    func close() {
      guard let run else { return }
      switch run.upperBound - run.lowerBound {
      case 0: parts.append("\(run.lowerBound)")
      case 1: parts.append("\(run.lowerBound),\(run.upperBound)")
      default: parts.append("\(run.lowerBound)-\(run.upperBound)")
      }
    }
    for index in indexes.sorted() {
      if let known = run, index == known.upperBound + 1 {
        run = known.lowerBound...index
      } else {
        close()
        run = index...index
      }
    }
    close()
    return parts.joined(separator: ",")
  }
}
