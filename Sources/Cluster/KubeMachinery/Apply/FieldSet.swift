/// A set of paths to fields: who owns what in an object.
///
/// A tree of sorted arrays; the operations on two sets go through both once. Source: Kubernetes *Server-Side Apply*,
/// *Field management*.
public struct FieldSet: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    let element: PathElement
    /// Whether the path up to here is in the set; else only what lies below is.
    var isMember: Bool
    var below: FieldSet

    init(_ element: PathElement, isMember: Bool, below: FieldSet = FieldSet()) {
      self.element = element
      self.isMember = isMember
      self.below = below
    }
  }

  /// Sorted by element, each once; none is without meaning.
  private(set) var entries: [Entry]

  public init() {
    entries = []
  }

  /// `entries`: each element once, in any order.
  init(unsorted entries: [Entry]) {
    self.entries = entries.filter { $0.isMember || !$0.below.isEmpty }
    self.entries.sort { $0.element < $1.element }
  }

  private init(sorted entries: [Entry]) {
    self.entries = entries
  }

  /// Paths of members' names: `[["metadata", "name"]]`.
  public init(paths: [[String]]) {
    self.init()
    for path in paths { insert(path.map(PathElement.field)) }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// Position of the element, or where it belongs.
  private func position(_ element: PathElement) -> (index: Int, isFound: Bool) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].element < element { low = middle + 1 } else { high = middle }
    }
    return (low, low < entries.count && entries[low].element == element)
  }

  func entry(_ element: PathElement) -> Entry? {
    let (index, isFound) = position(element)
    return isFound ? entries[index] : nil
  }

  mutating func insert(_ path: [PathElement]) { insert(path[...]) }

  private mutating func insert(_ path: ArraySlice<PathElement>) {
    guard let first = path.first else { return }
    let (index, isFound) = position(first)
    if !isFound { entries.insert(Entry(first, isMember: false), at: index) }
    if path.count == 1 { entries[index].isMember = true } else { entries[index].below.insert(path.dropFirst()) }
  }

  /// Every path of the set, in order.
  func forEachPath(_ body: ([PathElement]) throws -> Void) rethrows {
    var path: [PathElement] = []
    try walk(&path, body)
  }

  private func walk(_ path: inout [PathElement], _ body: ([PathElement]) throws -> Void) rethrows {
    for entry in entries {
      path.append(entry.element)
      if entry.isMember { try body(path) }
      try entry.below.walk(&path, body)
      path.removeLast()
    }
  }

  public func union(_ other: FieldSet) -> FieldSet {
    if other.isEmpty { return self }
    if isEmpty { return other }
    return merged(other, keepsLeft: true, keepsRight: true) { left, right in
      Entry(left.element, isMember: left.isMember || right.isMember, below: left.below.union(right.below))
    }
  }

  public func intersection(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return FieldSet() }
    return merged(other, keepsLeft: false, keepsRight: false) { left, right in
      Entry(
        left.element, isMember: left.isMember && right.isMember, below: left.below.intersection(right.below))
    }
  }

  /// Without the paths of the other; what lies below them stays.
  public func subtracting(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return self }
    return merged(other, keepsLeft: true, keepsRight: false) { left, right in
      Entry(left.element, isMember: left.isMember && !right.isMember, below: left.below.subtracting(right.below))
    }
  }

  /// Without the paths of the other and all that lies below them.
  public func excluding(_ other: FieldSet) -> FieldSet {
    if isEmpty || other.isEmpty { return self }
    return merged(other, keepsLeft: true, keepsRight: false) { left, right in
      right.isMember
        ? Entry(left.element, isMember: false)
        : Entry(left.element, isMember: left.isMember, below: left.below.excluding(right.below))
    }
  }

  private func merged(
    _ other: FieldSet, keepsLeft: Bool, keepsRight: Bool, _ both: (Entry, Entry) -> Entry
  ) -> FieldSet {
    var output: [Entry] = []
    output.reserveCapacity(entries.count)
    var left = 0
    var right = 0
    while left < entries.count, right < other.entries.count {
      let one = entries[left]
      let two = other.entries[right]
      if one.element == two.element {
        let entry = both(one, two)
        if entry.isMember || !entry.below.isEmpty { output.append(entry) }
        left += 1
        right += 1
      } else if one.element < two.element {
        if keepsLeft { output.append(one) }
        left += 1
      } else {
        if keepsRight { output.append(two) }
        right += 1
      }
    }
    if keepsLeft { output.append(contentsOf: entries[left...]) }
    if keepsRight { output.append(contentsOf: other.entries[right...]) }
    return FieldSet(sorted: output)
  }
}
