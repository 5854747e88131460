/// Indexes of an indexed job as its status writes them: `0-3,5`. Source: Kubernetes *Jobs*, completion mode.
///
/// Ranges, as a status may name billions.
struct CompletionIndexes: Equatable {
  /// In order; between two of them something is missing.
  private(set) var ranges: [ClosedRange<Int64>] = []
  private let completions: Int64

  /// What lies beyond the job's completions counts no more.
  init(parsing text: String, completions: Int64) {
    self.completions = completions
    var found: [ClosedRange<Int64>] = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last,
        first < completions
      else { continue }
      found.append(first...min(last, completions - 1))
    }
    for range in found.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let known = ranges.last, range.lowerBound <= known.upperBound + 1 {
        ranges[ranges.count - 1] = known.lowerBound...max(known.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
  }

  /// Where the first range is that ends at the index or behind it.
  private func place(of index: Int64) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < index { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A pod may name any index: one that is none of the job's counts for nothing.
  mutating func insert(_ index: Int64) {
    guard index >= 0, index < completions, !contains(index) else { return }
    let place = place(of: index)
    let joinsNext = place < ranges.count && ranges[place].lowerBound == index + 1
    let joinsLast = place > 0 && ranges[place - 1].upperBound == index - 1
    switch (joinsLast, joinsNext) {
    case (true, true):
      ranges[place - 1] = ranges[place - 1].lowerBound...ranges[place].upperBound
      ranges.remove(at: place)
    case (true, false): ranges[place - 1] = ranges[place - 1].lowerBound...index
    case (false, true): ranges[place] = index...ranges[place].upperBound
    case (false, false): ranges.insert(index...index, at: place)
    }
  }

  func contains(_ index: Int64) -> Bool {
    let place = place(of: index)
    return place < ranges.count && ranges[place].contains(index)
  }

  var count: Int { ranges.reduce(0) { $0 + $1.count } }

  /// The first so many of the job's indexes that are neither here nor among those.
  func missing(_ number: Int, except taken: Set<Int64>) -> [Int64] {
    var free: [Int64] = []
    var next: Int64 = 0
    for range in ranges + [completions...completions] {
      while free.count < number, next < range.lowerBound {
        if !taken.contains(next) { free.append(next) }
        next += 1
      }
      next = range.upperBound + 1
    }
    return free
  }

  var text: String {
    ranges.map { range in
      switch range.upperBound - range.lowerBound {
      case 0: "\(range.lowerBound)"
      case 1: "\(range.lowerBound),\(range.upperBound)"
      default: "\(range.lowerBound)-\(range.upperBound)"
      }
    }.joined(separator: ",")
  }
}
