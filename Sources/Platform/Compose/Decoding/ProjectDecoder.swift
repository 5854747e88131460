/// The merged files of a project as a typed value.
struct ProjectDecoder {
  let name: String
  let settings: ProjectSettings
  let services: [String]
  let access: FileAccess
  let faults: FaultCollector
  private(set) var warnings: [ComposeWarning] = []

  init(
    name: String, settings: ProjectSettings, services: [String], access: FileAccess, faults: FaultCollector
  ) {
    self.faults = faults
    self.name = name
    self.settings = settings
    self.services = services
    self.access = access
  }

  mutating func decode(_ merged: Node) throws(ComposeFault) -> ComposeProject {
    var tree = merged
    guard let members = tree["services"]?.members, !members.isEmpty else {
      // A misspelt key may have them.
      if faults.isEmpty { throw ComposeFault(.invalid, at: tree.at, key: "services", "there are none") }
      return ComposeProject(name: name, directory: settings.directory)
    }
    guard members.count <= ComposeLimits.entries else {
      throw ComposeFault(.limit, at: tree.at, key: "services", "more than \(ComposeLimits.entries) services")
    }
    try resolveVariables(&tree)
    var (active, disabled) = try decoded(tree)
    if active.contains(where: { $0.balancer != nil }) {
      let (before, services) = (tree, active)
      tree =
        try faults.attempt { () throws(ComposeFault) in try LoadBalancer.added(to: before, services) } ?? before
      (active, disabled) = try decoded(tree)
    }
    var project = ComposeProject(name: name, directory: settings.directory)
    project.files = settings.files
    project.environmentFiles = settings.environmentFiles
    project.environment = settings.environment
    project.services = active
    project.disabledServices = disabled
    try readResources(&tree, active, &project)
    // Names that a file which could not be included has are no mistakes.
    if !faults.isFaulty("include") { try ProjectChecks(project: project, tree: tree, faults: faults).all() }
    // Dependencies that are not there and need not be would only be in the way.
    let names = Set(project.services.map(\.name))
    for index in project.services.indices {
      project.services[index].dependencies.removeAll { !names.contains($0.service) }
    }
    project.canonical = Self.canonical(tree, project)
    project.source = ComposeSource(tree)
    return project
  }

  private mutating func resolveVariables(_ tree: inout Node) throws(ComposeFault) {
    var variables = ServiceVariables(access, environment: settings.environment)
    for member in tree["services"]?.members ?? [] {
      var service =
        try faults.attempt { () throws(ComposeFault) in
          try variables.resolve(member.value, key: "services.\(member.key)")
        } ?? member.value
      // A service that says nothing of networks is on the project's own.
      let names = service["networks"]?.members ?? []
      if service["network_mode"]?.text == nil, names.isEmpty {
        service["networks"] = .map([("default", Node(.map([]), at: service.at))], at: service.at)
      }
      tree["services"]?[member.key] = service
    }
    warnings += variables.warnings
  }

  /// Those that the profiles choose, and the others.
  private mutating func decoded(_ tree: Node) throws(ComposeFault) -> ([ComposeService], [ComposeService]) {
    var all: [ComposeService] = []
    var ports = 0
    for member in tree["services"]?.members ?? [] {
      let (service, found) = try ServiceDecoder.decode(
        member.key, Fields(node: member.value, key: "services.\(member.key)"), faults)
      all.append(service)
      ports += service.exposedPorts.count
      guard ports <= ComposeLimits.ports else {
        throw ComposeFault(
          .limit, at: member.at, key: "services.\(member.key).expose",
          "more than \(ComposeLimits.ports) ports in a project")
      }
      warnings += found
    }
    all.sort { $0.name < $1.name }
    var profiles = settings.profiles
    for service in all where services.contains(service.name) { profiles.formUnion(service.profiles) }
    let isActive: (ComposeService) -> Bool = {
      $0.profiles.isEmpty || profiles.contains("*") || !profiles.isDisjoint(with: $0.profiles)
    }
    return (all.filter(isActive), all.filter { !isActive($0) })
  }

  private func readResources(
    _ tree: inout Node, _ services: [ComposeService], _ project: inout ComposeProject
  ) throws(ComposeFault) {
    let decoder = ResourceDecoder(project: name, environment: settings.environment, faults: faults)
    let usesDefault = services.contains { $0.endpoints.contains { $0.network == "default" } }
    if usesDefault, tree["networks"]?["default"] == nil {
      var networks = tree["networks"] ?? Node(.map([]), at: tree.at)
      networks["default"] = Node(.map([]), at: tree.at)
      tree["networks"] = networks
    }
    let top = Fields(node: tree, key: "")
    for (key, fields) in top.named("networks") {
      let network = try faults.attempt { () throws(ComposeFault) in try decoder.network(key, fields) }
      guard let network else { continue }
      project.networks.append(network)
      tree["networks"]?[key]?["name"] = .string(network.name, at: fields.node.at)
    }
    for (key, fields) in top.named("volumes") {
      let volume = try faults.attempt { () throws(ComposeFault) in try decoder.volume(key, fields) }
      guard let volume else { continue }
      project.volumes.append(volume)
      tree["volumes"]?[key]?["name"] = .string(volume.name, at: fields.node.at)
    }
    for (key, fields) in top.named("configs") {
      let file = try faults.attempt { () throws(ComposeFault) in try decoder.file(key, fields) }
      guard let file else { continue }
      project.configs.append(file)
      tree["configs"]?[key]?["name"] = .string(file.name, at: fields.node.at)
    }
    for (key, fields) in top.named("secrets") {
      let file = try faults.attempt { () throws(ComposeFault) in try decoder.file(key, fields) }
      guard let file else { continue }
      project.secrets.append(file)
      tree["secrets"]?[key]?["name"] = .string(file.name, at: fields.node.at)
    }
    project.networks.sort { $0.key < $1.key }
    project.volumes.sort { $0.key < $1.key }
    project.configs.sort { $0.key < $1.key }
    project.secrets.sort { $0.key < $1.key }
  }

  /// The project as `config` prints it: active services alone.
  private static func canonical(_ tree: Node, _ project: ComposeProject) -> ComposeValue {
    var members: [String: ComposeValue] = ["name": .string(project.name)]
    for member in tree.members ?? [] where member.key != "version" {
      let value = member.value.value
      // Empty sections say nothing; what is for other programs is theirs.
      if member.key.hasPrefix("x-") || !value.members.isEmpty { members[member.key] = value }
    }
    members["services"] = .map(
      Dictionary(project.services.map { ($0.name, $0.canonical) }) { first, _ in first })
    return .map(members)
  }
}

/// What has to fit together in a project.
struct ProjectChecks {
  let project: ComposeProject
  /// What has a fault of its own is there, too.
  let tree: Node
  let faults: FaultCollector

  func all() throws(ComposeFault) {
    let volumes = Set(tree["volumes"]?.members?.map(\.key) ?? [])
    for service in project.services {
      try references(service, volumes)
      try dependencies(service)
    }
    _ = try faults.attempt { () throws(ComposeFault) in try ComposeGraph(project.services).requireNoCycle() }
    try builds()
  }

  /// Services that `additional_contexts` name: they are there, and none is made from itself.
  private func builds() throws(ComposeFault) {
    let all = project.services + project.disabledServices
    let needs = Dictionary(all.map { ($0.name, $0.build?.services ?? []) }) { first, _ in first }
    for service in all {
      for name in needs[service.name] ?? [] where needs[name] == nil && tree["services"]?[name] == nil {
        try faults.add(
          fault(service, "build", "needs '\(name.prefix(100))', which is no service of the project", .notFound))
      }
      var (reached, waiting): (Set<String>, [String]) = ([], needs[service.name] ?? [])
      while let name = waiting.popLast() {
        if reached.insert(name).inserted { waiting += needs[name] ?? [] }
      }
      guard reached.contains(service.name) else { continue }
      try faults.add(
        fault(
          service, "build",
          "is made from its own image, by 'additional_contexts' of \(reached.sorted().joined(separator: ", "))", .cycle)
      )
    }
  }

  private func fault(_ service: ComposeService, _ name: String, _ message: String, _ kind: ComposeFault.Kind = .invalid)
    -> ComposeFault
  {
    let node = tree["services"]?[service.name]
    return ComposeFault(
      kind, at: node?[name]?.at ?? node?.at, key: "services.\(service.name).\(name)", message)
  }

  private func references(_ service: ComposeService, _ volumes: Set<String>) throws(ComposeFault) {
    for endpoint in service.endpoints where project.network(endpoint.network) == nil {
      if tree["networks"]?[endpoint.network] != nil { continue }
      try faults.add(
        fault(
          service, "networks", "the network '\(endpoint.network)' is not among the top-level 'networks'", .notFound))
    }
    for mount in service.mounts where mount.kind == .volume {
      guard let source = mount.source, !volumes.contains(source) else { continue }
      try faults.add(
        fault(service, "volumes", "the volume '\(source)' is not among the top-level 'volumes'", .notFound))
    }
    for (name, uses, files) in [
      ("configs", service.configs, project.configs), ("secrets", service.secrets, project.secrets),
      ("build", service.build?.secrets ?? [], project.secrets),
    ] {
      for use in uses {
        let section = name == "build" ? "secrets" : name
        guard let file = files.first(where: { $0.key == use.source }) else {
          if tree[section]?[use.source] != nil { continue }
          try faults.add(
            fault(service, name, "'\(use.source)' is not among the top-level '\(section)'", .notFound))
          continue
        }
        if file.origin == .external {
          try faults.add(
            fault(
              service, name,
              "'\(use.source)' is external, kept by the engines of a cluster: write 'file' or 'environment'",
              .unsupported))
        }
      }
    }
  }

  private func dependencies(_ service: ComposeService) throws(ComposeFault) {
    for dependency in service.dependencies where project.service(dependency.service) == nil {
      let isDisabled = project.disabledServices.contains { $0.name == dependency.service }
      if !dependency.required { continue }
      try faults.add(
        fault(
          service, dependency.isImplicit ? implicitKey(service, dependency.service) : "depends_on",
          isDisabled
            ? "needs '\(dependency.service)', which none of the active profiles chooses"
            : "needs '\(dependency.service.prefix(100))', which is no service of the project", .notFound))
    }
  }

  private func implicitKey(_ service: ComposeService, _ name: String) -> String {
    if service.links.contains(where: { $0.service == name }) { return "links" }
    if service.networkMode == .service(name) { return "network_mode" }
    if service.ipcMode == .service(name) { return "ipc" }
    return service.pidMode == .service(name) ? "pid" : "volumes_from"
  }
}
