/// Makes values of a YAML text: aliases and merge keys written out, within bounds, without recursion.
struct YAMLComposer {
  private struct Anchor {
    var node: Node
    var nodes: Int
    var textBytes: Int
  }

  /// A collection that is open.
  private struct Frame {
    var isMap: Bool
    var at: ComposeLocation
    var anchor: String?
    var tag: Node.MergeTag?
    var items: [Node] = []
    var members: [Node.Member] = []
    /// Where each key stands in `members`.
    var positions: [String: Int] = [:]
    /// The key whose value comes next.
    var key: (text: String, at: ComposeLocation, isMerge: Bool, isTwice: Bool)?
    var merges: [Node] = []
    var nodes = 1
    var textBytes = 0
  }

  private let events: YAMLEvents
  private let faults: FaultCollector
  private var frames: [Frame] = []
  private var anchors: [String: Anchor] = [:]
  private var document: Node?

  private init(_ events: YAMLEvents, _ faults: FaultCollector) {
    self.events = events
    self.faults = faults
  }

  /// The documents of a file, each a mapping; an empty file has none. Of a key that is there twice the first counts.
  static func documents(
    _ bytes: [UInt8], file: String, budget: inout ComposeBudget, faults: FaultCollector
  ) throws(ComposeFault) -> [Node] {
    let start = ComposeLocation(file: file, line: 1, column: 1)
    guard bytes.count <= ComposeLimits.fileBytes else {
      throw ComposeFault(.limit, at: start, "longer than \(ComposeLimits.fileBytes) bytes")
    }
    guard bytes.lazy.filter({ $0 == 0x0A }).count < ComposeLimits.fileLines else {
      throw ComposeFault(.limit, at: start, "more than \(ComposeLimits.fileLines) lines")
    }
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw ComposeFault(.syntax, at: start, "not valid UTF-8")
    }
    var composer = YAMLComposer(try YAMLEvents(bytes, file: file), faults)
    var documents: [Node] = []
    while true {
      let event = try composer.events.next()
      if case .streamEnd = event.kind { return documents }
      if case .documentEnd = event.kind {
        if let document = composer.document, !document.isNull {
          guard document.members != nil else {
            throw ComposeFault(
              .invalid, at: document.at, "a compose file must be a mapping, this is \(document.kindName)")
          }
          documents.append(document)
        }
        composer.document = nil
        composer.anchors = [:]
      } else {
        try composer.take(event, &budget)
      }
    }
  }

  private mutating func take(_ event: YAMLEvents.Event, _ budget: inout ComposeBudget) throws(ComposeFault) {
    switch event.kind {
    case .streamEnd, .documentStart, .documentEnd: break
    case .listStart, .mapStart:
      guard frames.count < ComposeLimits.depth else {
        throw ComposeFault(.limit, at: event.at, "nested too deeply: more than \(ComposeLimits.depth) levels")
      }
      try requireKeyIsScalar(event.at)
      try budget.take(nodes: 1, textBytes: 0, at: event.at)
      var isMap = false
      if case .mapStart = event.kind { isMap = true }
      frames.append(Frame(isMap: isMap, at: event.at, anchor: event.anchor, tag: try Self.mergeTag(event)))
      // An anchor that is open cannot be named inside of itself, whatever it named before.
      if let anchor = event.anchor { anchors[anchor] = nil }
    case .listEnd, .mapEnd:
      let frame = frames.removeLast()
      let node = try Self.close(frame, &budget)
      try put(node.0, anchor: frame.anchor, nodes: node.nodes, textBytes: frame.textBytes)
    case .alias(let name):
      guard let anchor = anchors[name] else {
        let isOpen = frames.contains { $0.anchor == name }
        throw ComposeFault(
          .syntax, at: event.at,
          isOpen ? "alias '*\(name)' stands inside of what it names" : "alias '*\(name)' names no anchor before it")
      }
      if let frame = frames.last, frame.isMap, frame.key == nil, anchor.node.text == nil {
        throw ComposeFault(.syntax, at: event.at, "a key must be a word, and '*\(name)' names \(anchor.node.kindName)")
      }
      try budget.take(nodes: anchor.nodes, textBytes: anchor.textBytes, at: event.at)
      try put(anchor.node, anchor: nil, nodes: anchor.nodes, textBytes: anchor.textBytes)
    case .scalar(let text, let isPlain):
      try takeScalar(event, text: text, isPlain: isPlain, &budget)
    }
  }

  private mutating func takeScalar(
    _ event: YAMLEvents.Event, text: String, isPlain: Bool, _ budget: inout ComposeBudget
  ) throws(ComposeFault) {
    try budget.take(nodes: 1, textBytes: text.utf8.count, at: event.at)
    if let frame = frames.last, frame.isMap, frame.key == nil {
      if let anchor = event.anchor {
        anchors[anchor] = Anchor(
          node: .string(text, at: event.at), nodes: 1, textBytes: text.utf8.count)
      }
      return try putKey(text, at: event.at, isMerge: isPlain && text == "<<")
    }
    let tag = try Self.mergeTag(event)
    var scalar = isPlain ? Scalar(plain: text) : Scalar(text: text, type: .string)
    if let forced = Self.scalarType(event.tag) { scalar.type = forced }
    try put(
      Node(.scalar(scalar), at: event.at, tag: tag), anchor: event.anchor, nodes: 1, textBytes: text.utf8.count)
  }

  // MARK: Putting values in

  private func requireKeyIsScalar(_ at: ComposeLocation) throws(ComposeFault) {
    if let frame = frames.last, frame.isMap, frame.key == nil {
      throw ComposeFault(.syntax, at: at, "a key must be a word, not a list or mapping")
    }
  }

  private mutating func putKey(_ text: String, at location: ComposeLocation, isMerge: Bool) throws(ComposeFault) {
    let last = frames.count - 1
    let position = isMerge ? nil : frames[last].positions[text]
    if let position {
      let first = frames[last].members[position].at.line
      try faults.add(
        ComposeFault(.syntax, at: location, "key '\(text.prefix(100))' is there twice, first in line \(first)"))
    }
    frames[last].key = (text, location, isMerge, position != nil)
  }

  private mutating func put(_ node: Node, anchor: String?, nodes: Int, textBytes: Int) throws(ComposeFault) {
    if let anchor { anchors[anchor] = Anchor(node: node, nodes: nodes, textBytes: textBytes) }
    guard !frames.isEmpty else {
      document = node
      return
    }
    let last = frames.count - 1
    frames[last].nodes += nodes
    frames[last].textBytes += textBytes
    guard frames[last].isMap else {
      frames[last].items.append(node)
      return
    }
    guard let key = frames[last].key else {
      // An alias in a key's place.
      guard let text = node.text else {
        throw ComposeFault(.syntax, at: node.at, "a key must be a word, not \(node.kindName)")
      }
      return try putKey(text, at: node.at, isMerge: false)
    }
    frames[last].key = nil
    if key.isTwice { return }
    if key.isMerge {
      frames[last].merges += try Self.merged(node, at: key.at)
    } else {
      frames[last].positions[key.text] = frames[last].members.count
      frames[last].members.append(Node.Member(key: key.text, at: key.at, value: node))
    }
  }

  /// The mappings that `<<` names: one, or a list of which the first holds (YAML's merge key type).
  private static func merged(_ node: Node, at location: ComposeLocation) throws(ComposeFault) -> [Node] {
    let maps = node.items ?? [node]
    for map in maps where map.members == nil {
      throw ComposeFault(
        .syntax, at: location, "'<<' takes a mapping or a list of mappings, not \(map.kindName)")
    }
    return maps
  }

  private static func close(
    _ frame: Frame, _ budget: inout ComposeBudget
  ) throws(ComposeFault) -> (Node, nodes: Int) {
    guard frame.isMap else { return (Node(.list(frame.items), at: frame.at, tag: frame.tag), frame.nodes) }
    var members = frame.members
    var known = Set(frame.positions.keys)
    for map in frame.merges {
      for member in map.members ?? [] where known.insert(member.key).inserted { members.append(member) }
    }
    return (Node(.map(members), at: frame.at, tag: frame.tag), frame.nodes)
  }

  // MARK: Tags

  private static let prefix = "tag:yaml.org,2002:"

  private static func mergeTag(_ event: YAMLEvents.Event) throws(ComposeFault) -> Node.MergeTag? {
    guard let tag = event.tag else { return nil }
    switch tag {
    case "!reset": return .reset
    case "!override": return .override
    case "!": return nil
    default:
      let known = ["str", "int", "float", "bool", "null", "seq", "map"].contains { tag == prefix + $0 }
      guard known else {
        throw ComposeFault(.unsupported, at: event.at, "the tag '\(tag.prefix(100))' is not known here")
      }
      return nil
    }
  }

  private static func scalarType(_ tag: String?) -> Scalar.ScalarType? {
    switch tag {
    case "!", prefix + "str": .string
    case prefix + "null": .null
    default: nil
    }
  }
}
