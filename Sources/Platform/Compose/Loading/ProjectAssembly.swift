/// Reads the files of a project and lays them over each other: extensions and includes resolved, everything in its long form.
final class ProjectAssembly {
  /// Where a document comes from.
  struct Origin {
    var path: String
    /// Relative paths start here.
    var directory: String
  }

  let access: FileAccess
  let request: ComposeRequest
  let faults: FaultCollector
  /// What `extends` and `include` must not leave; nil: anything may be named.
  let root: String?
  private var budget = ComposeBudget()
  private(set) var warnings: [ComposeWarning] = []
  private var warned: Set<ComposeWarning> = []

  init(_ request: ComposeRequest, _ reader: any ComposeReader, root: String, faults: FaultCollector) {
    self.faults = faults
    access = FileAccess(reader)
    self.request = request
    self.root = request.allowsOutside ? nil : root
  }

  /// As the user would name it.
  func shown(_ path: String) -> String {
    let folder = HostPath.normal(request.currentDirectory)
    if path == "-" { return "<stdin>" }
    return folder != "/" && path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
  }

  func warn(_ more: [ComposeWarning]) {
    for warning in more where warned.insert(warning).inserted { warnings.append(warning) }
  }

  /// The documents of a file as they stand.
  func documents(
    _ path: String, beneath root: String?, at location: ComposeLocation? = nil, key: String = ""
  ) throws(ComposeFault) -> [Node] {
    try budget.takeFile(path, at: location)
    if let root, !HostPath.isBeneath(path, root) { throw FileAccess.escape(path, root, at: location, key: key) }
    guard let bytes = try access.bytes(path, beneath: root, mustExist: true, at: location, key: key) else { return [] }
    faults.opened(shown(path))
    return try YAMLComposer.documents(bytes, file: shown(path), budget: &budget, faults: faults)
  }

  /// Variables replaced, checked, in the long form.
  private func canonical(_ document: Node, _ origin: Origin, _ environment: [String: String]) throws(ComposeFault)
    -> Node
  {
    var document = document
    if request.interpolates {
      var interpolator = Interpolator(environment: environment, faults: faults)
      document = try interpolator.apply(to: document, budget: &budget)
      warn(interpolator.warnings)
      faults.advance()
    }
    let reader = SchemaReader(
      directory: origin.directory, home: environment["HOME"], isRaw: !request.interpolates, faults: faults)
    let (result, found) = try reader.read(document)
    warn(found)
    faults.advance()
    for section in ["services", "networks", "volumes", "configs", "secrets"] {
      guard let members = result[section]?.members, members.count > ComposeLimits.entries else { continue }
      throw ComposeFault(
        .limit, at: members[ComposeLimits.entries].at, key: section, "more than \(ComposeLimits.entries) entries")
    }
    return result
  }

  /// One document with its extensions and includes.
  func resolved(
    _ document: Node, _ origin: Origin, _ environment: [String: String], including chain: [String]
  ) throws(ComposeFault) -> Node {
    var result = try canonical(document, origin, environment)
    result = try extended(result, origin, environment)
    guard let include = result["include"] else { return result }
    result["include"] = nil
    for (index, entry) in (include.items ?? []).enumerated() {
      let before = result
      result =
        try faults.attempt { () throws(ComposeFault) in
          try included(entry, "include[\(index)]", into: before, origin, environment, chain)
        } ?? before
    }
    return result
  }

  // MARK: extends

  private func extended(
    _ document: Node, _ origin: Origin, _ environment: [String: String]
  ) throws(ComposeFault) -> Node {
    guard let services = document["services"], let members = services.members else { return document }
    var result = services
    var circling: Set<String> = []
    for member in members where member.value["extends"] != nil {
      var alone = member.value
      alone["extends"] = nil
      // A circle is told once, not of each service in it.
      if circling.contains(member.key) {
        faults.mark("services.\(member.key).extends")
        continue
      }
      let whole = try faults.attempt { () throws(ComposeFault) in
        try extended(member.key, services, origin, environment, chain: [])
      }
      if whole == nil { circling.formUnion(Self.extensions(of: member.key, services)) }
      result[member.key] = whole ?? alone
    }
    var whole = document
    whole["services"] = result
    return whole
  }

  /// The services of the document that a service extends, and those that they extend.
  private static func extensions(of name: String, _ services: Node) -> Set<String> {
    var found: Set<String> = []
    var next: String? = name
    while let name = next, found.insert(name).inserted {
      let extends = services[name]?["extends"]
      next = extends?["file"] == nil ? extends?["service"]?.text : nil
    }
    return found
  }

  /// A service of a document with what it extends laid below it.
  private func extended(
    _ name: String, _ services: Node, _ origin: Origin, _ environment: [String: String], chain: [String]
  ) throws(ComposeFault) -> Node {
    guard var service = services[name] else { return .null(at: services.at) }
    guard let extends = service["extends"] else { return service }
    let key = "services.\(name).extends"
    let link = "\(name) in \(shown(origin.path))"
    let chain = chain + [link]
    guard !chain.dropLast().contains(link) else {
      throw ComposeFault(
        .cycle, at: extends.at, key: key, "services extend each other: " + chain.joined(separator: " → "))
    }
    guard chain.count <= ComposeLimits.nesting else {
      throw ComposeFault(.limit, at: extends.at, key: key, "more than \(ComposeLimits.nesting) extensions in a row")
    }
    guard let target = extends["service"] else {
      throw ComposeFault(.invalid, at: extends.at, key: key, "'service' is missing: whom it extends")
    }
    var (others, place) = (services, origin)
    if let file = extends["file"] {
      (others, place) = try otherServices(file, key, origin, environment)
    }
    let wanted = target.text ?? ""
    guard others[wanted] != nil else {
      throw ComposeFault(
        .notFound, at: target.at, key: key, "there is no service '\(wanted.prefix(100))' in '\(shown(place.path))'")
    }
    let base = try extended(wanted, others, place, environment, chain: chain)
    service["extends"] = nil
    // Each service that extends has its own copy of what it extends.
    let extent = base.extent
    try budget.take(nodes: extent.nodes, textBytes: extent.textBytes, at: extends.at)
    return Merge.service(base, with: service)
  }

  private func otherServices(
    _ file: Node, _ key: String, _ origin: Origin, _ environment: [String: String]
  ) throws(ComposeFault) -> (Node, Origin) {
    let path = try local(file, key + ".file", origin)
    let place = Origin(path: path, directory: HostPath.folder(of: path))
    var whole: Node?
    for document in try documents(path, beneath: root, at: file.at, key: key + ".file") {
      let next = try canonical(document, place, environment)
      whole = whole.map { Merge.file($0, with: next) } ?? next
    }
    return (whole?["services"] ?? Node(.map([]), at: file.at), place)
  }

  /// The absolute path that a value names; addresses of other machines are refused.
  private func local(_ node: Node, _ key: String, _ origin: Origin) throws(ComposeFault) -> String {
    let text = node.text ?? ""
    guard !HostPath.isRemote(text) else {
      throw ComposeFault(
        .unsupported, at: node.at, key: key,
        "files of other machines (git, OCI, HTTP) are not supported: '\(text.prefix(200))'; fetch it and name the copy")
    }
    return HostPath.absolute(text, in: origin.directory, home: nil)
  }

  // MARK: include

  private func included(
    _ entry: Node, _ key: String, into document: Node, _ origin: Origin, _ environment: [String: String],
    _ chain: [String]
  ) throws(ComposeFault) -> Node {
    guard let named = entry["path"]?.items, let first = named.first else {
      throw ComposeFault(.invalid, at: entry.at, key: key, "'path' is missing: the file to include")
    }
    var paths: [String] = []
    for node in named { paths.append(try local(node, key + ".path", origin)) }
    guard !chain.contains(paths[0]) else {
      throw ComposeFault(
        .cycle, at: first.at, key: key,
        "files include each other: " + (chain + [paths[0]]).map { shown($0) }.joined(separator: " → "))
    }
    guard chain.count < ComposeLimits.nesting else {
      throw ComposeFault(.limit, at: entry.at, key: key, "more than \(ComposeLimits.nesting) includes in each other")
    }
    var directory = HostPath.folder(of: paths[0])
    if let folder = entry["project_directory"] {
      directory = try local(folder, key + ".project_directory", origin)
      if let root, !HostPath.isBeneath(directory, root) {
        throw FileAccess.escape(directory, root, at: folder.at, key: key + ".project_directory")
      }
    }
    let values = try variables(of: entry, key, directory, origin, environment)
    var whole: Node?
    for (index, path) in paths.enumerated() {
      for document in try documents(path, beneath: root, at: named[index].at, key: key + ".path") {
        let next = try resolved(
          document, Origin(path: path, directory: directory), values, including: chain + [paths[0]])
        whole = whole.map { Merge.file($0, with: next) } ?? next
      }
    }
    guard let whole else { return document }
    return try imported(Merge.cleaned(whole), into: document, key, entry)
  }

  /// What the including file's environment leaves unset comes from files of the include.
  private func variables(
    of entry: Node, _ key: String, _ directory: String, _ origin: Origin, _ environment: [String: String]
  ) throws(ComposeFault) -> [String: String] {
    let files = entry["env_file"]?.items
    let nodes = files ?? [.string(directory + "/.env", at: entry.at)]
    var values: [String: String] = [:]
    for node in nodes {
      let path = try local(node, key + ".env_file", origin)
      if let root, !HostPath.isBeneath(path, root) {
        // That of a folder outside is nobody's wish: the folder, or the file in it, is refused by name.
        guard files != nil else { continue }
        throw FileAccess.escape(path, root, at: node.at, key: key + ".env_file")
      }
      let found = try access.variables(
        path, beneath: root, mustExist: files != nil, raw: false, at: node.at, key: key + ".env_file"
      ) { [values] in environment[$0] ?? values[$0] }
      warn(found?.warnings ?? [])
      for item in found?.entries ?? [] { if let value = item.value { values[item.name] = value } }
    }
    return values.merging(environment) { $1 }
  }

  private func imported(
    _ whole: Node, into document: Node, _ key: String, _ entry: Node
  ) throws(ComposeFault) -> Node {
    var result = document
    for section in ["services", "networks", "volumes", "configs", "secrets"] {
      guard let members = whole[section]?.members, !members.isEmpty else { continue }
      var present = result[section] ?? Node(.map([]), at: entry.at)
      for member in members {
        if let other = present[member.key] {
          if other.value == member.value.value { continue }
          try faults.add(
            ComposeFault(
              .invalid, at: entry.at, key: key,
              "\(section).\(member.key) is at \(member.at) and differs at \(other.at): override it in a file of its own"
            ))
          continue
        }
        present[member.key] = member.value
      }
      result[section] = present
    }
    return result
  }
}
