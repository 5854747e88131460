/// Where each value of a project stands in its files, for those who find a fault in it later: the engine, a build.
public struct ComposeSource: Sendable, Equatable {
  private let tree: Node

  init(_ tree: Node) { self.tree = tree }

  /// A place with its key's path, as faults of the files have it.
  public struct Place: Sendable, Equatable {
    public let location: ComposeLocation
    public let key: String
  }

  /// The place of the first of some keys that is there, or of what they belong to.
  ///
  /// - Parameters:
  ///   - owner: `["services", "web"]`; names of the user's may have dots in them.
  ///   - keys: paths below it, `cap_add` or `deploy.resources.limits.memory`.
  ///   - element: which entry of it is meant: the text of an item, a member's name, a value in a mapping (a path inside, a source),
  ///     or `80/tcp` of ports. A key that has it goes before those that have not.
  /// - Returns: nil where not even the owner is in the files.
  public func place(of owner: [String], keys: [String], element: String? = nil) -> Place? {
    var node = tree
    var at = tree.at
    for name in owner {
      guard let member = node.members?.first(where: { $0.key == name }) else { return nil }
      (node, at) = (member.value, member.at)
    }
    let path = owner.reduce("") { KeyPath.join($0, $1) }
    var found: Place?
    for key in keys {
      guard let member = Self.member(key, of: node) else { continue }
      let place = Place(location: member.at, key: "\(path).\(key)")
      guard let element else { return place }
      if let entry = Self.entry(element, of: member.value, place) { return entry }
      found = found ?? place
    }
    return found ?? Place(location: at, key: path)
  }

  private static func member(_ path: String, of node: Node) -> Node.Member? {
    var found: Node.Member?
    for name in path.split(separator: ".") {
      found = (found?.value ?? node).members?.first { $0.key == name }
      if found == nil { return nil }
    }
    return found
  }

  private static func entry(_ element: String, of node: Node, _ place: Place) -> Place? {
    if let member = node.members?.first(where: { $0.key == element }) {
      return Place(location: member.at, key: KeyPath.join(place.key, element))
    }
    guard let items = node.items else { return nil }
    let index =
      items.firstIndex { means($0, element) }
      // A part of a text: the path of `/tmp:size=1`, the name of `vote:db`.
      ?? items.firstIndex {
        $0.text?.split(whereSeparator: { $0 == ":" || $0 == "=" }).contains { $0 == element } == true
      }
    return index.map { Place(location: items[$0].at, key: "\(place.key)[\($0)]") }
  }

  private static func means(_ item: Node, _ element: String) -> Bool {
    if let text = item.text {
      // Capabilities are written with and without their prefix, in any case.
      return text == element || text.uppercased() == element || "CAP_" + text.uppercased() == element
    }
    if item.members?.contains(where: { $0.value.text == element }) == true { return true }
    guard let target = item["target"]?.text else { return false }
    return "\(target)/\(item["protocol"]?.text ?? "tcp")" == element
  }
}

extension ComposeProject {
  /// What the engine said against a part of the project, as a fault of the files with its place.
  /// - Parameters: see ``ComposeSource/place(of:keys:element:)``.
  public func fault(of owner: [String], keys: [String], element: String? = nil, _ message: String) -> ComposeFault {
    let place = source?.place(of: owner, keys: keys, element: element)
    let key = place?.key ?? owner.reduce("") { KeyPath.join($0, $1) }
    return ComposeFault(.unsupported, at: place?.location, key: key, message)
  }
}
