import Compose
import Glibc

extension PlanRunner {
  func perform(_ action: ComposeAction) throws(ClientError) {
    switch action {
    case .createNetwork(let key): try createNetwork(key)
    case .createVolume(let key): try createVolume(key)
    case .removeNetwork(let name):
      try removing("Network \(name)") { () throws(ClientError) in
        try engine.call(.delete, "/networks/\(Engine.escape(name))")
      }
    case .removeVolume(let name):
      try removing("Volume \(name)") { () throws(ClientError) in
        try engine.call(.delete, "/volumes/\(Engine.escape(name))")
      }
    case .requireNetwork(let name): try require("network", name, "/networks/\(Engine.escape(name))")
    case .requireVolume(let name): try require("volume", name, "/volumes/\(Engine.escape(name))")
    case .create(let reference, let temporaryName, let replaces): try create(reference, temporaryName, replaces)
    case .start(let reference): try start(reference)
    case .wait(let reference, let condition, let required): try wait(reference, condition, required: required)
    case .drain(let reference): try drain(reference)
    case .stop(let reference): try stop(reference)
    case .remove(let reference, let withVolumes):
      try act(reference, "Removing", "Removed") { id throws(ClientError) in
        try engine.call(
          .delete, "/containers/\(id)", query: [("force", "1"), ("v", withVolumes ? "1" : nil)])
        try undrain(id)
      }
    case .rename(let reference):
      let id = try id(reference)
      try engine.call(.post, "/containers/\(id)/rename", query: [("name", reference.name)])
    case .gather: break
    case .pause(let nanoseconds):
      var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
      var rest = timespec()
      while nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
    }
  }

  /// Shows what is done to a container, and that it is done.
  /// - Parameter asks: it is what the files say that the engine may refuse.
  func act(
    _ reference: ComposeContainerReference, _ doing: String, _ done: String, asks: Bool = false,
    _ body: (String) throws(ClientError) -> Void
  ) throws(ClientError) {
    let title = "Container \(reference.name)"
    view.show(title, doing)
    do {
      try body(try id(reference))
    } catch {
      view.show(title, "Error", isFailed: true)
      if asks, let service = project.service(reference.service) {
        let told = RefusedPlaces.told(error, of: service, in: project)
        if told != error { throw told }
      }
      throw error.saying("\(title): \(error.message)")
    }
    view.show(title, done, isDone: true)
  }

  private func removing(_ title: String, _ body: () throws(ClientError) -> Void) throws(ClientError) {
    view.show(title, "Removing")
    do {
      try body()
      view.show(title, "Removed", isDone: true)
    } catch {
      // What is gone already is what was wanted; what others still use stays.
      switch error.status {
      case 404: view.show(title, "Removed", isDone: true)
      case 403, 409: view.show(title, "Resource is still in use", isDone: true)
      default:
        view.show(title, "Error", isFailed: true)
        throw error
      }
    }
  }

  private func require(_ kind: String, _ name: String, _ path: String) throws(ClientError) {
    do {
      try engine.call(.get, path)
    } catch {
      guard error.status == 404 else { throw error }
      throw ClientError(
        "\(kind) '\(name)' is declared as external and is not there: make it with 'bulkhead \(kind) create \(name)'")
    }
  }

  // MARK: Networks and volumes

  private func createNetwork(_ key: String) throws(ClientError) {
    guard let network = project.network(key) else { throw ClientError("there is no network '\(key)'") }
    let title = "Network \(network.name)"
    view.show(title, "Creating")
    var labels = network.labels
    labels[ComposeLabel.project] = project.name
    labels[ComposeLabel.network] = key
    labels[ComposeLabel.configHash] = hashes.networks[key]
    var body: JSONValue = [
      "Name": .string(network.name), "Driver": .string(network.driver ?? "bridge"), "CheckDuplicate": true,
      "Internal": .bool(network.isInternal), "Attachable": .bool(network.isAttachable),
      "Labels": ServiceBody.map(labels),
    ]
    if !network.driverOptions.isEmpty { body["Options"] = ServiceBody.map(network.driverOptions) }
    if let isEnabled = network.enableIPv6 { body["EnableIPv6"] = .bool(isEnabled) }
    var addresses = JSONValue.object([])
    addresses.set("Driver", network.ipamDriver)
    if !network.ipamOptions.isEmpty { addresses["Options"] = ServiceBody.map(network.ipamOptions) }
    if !network.pools.isEmpty {
      addresses["Config"] = .array(
        network.pools.map { pool in
          var entry = JSONValue.object([])
          entry.set("Subnet", pool.subnet)
          entry.set("IPRange", pool.ipRange)
          entry.set("Gateway", pool.gateway)
          return entry
        })
    }
    if !addresses.members.isEmpty { body["IPAM"] = addresses }
    try created(title, "networks", key) { () throws(ClientError) in
      try engine.call(.post, "/networks/create", json: body)
    }
  }

  private func createVolume(_ key: String) throws(ClientError) {
    guard let volume = project.volume(key) else { throw ClientError("there is no volume '\(key)'") }
    let title = "Volume \(volume.name)"
    view.show(title, "Creating")
    var labels = volume.labels
    labels[ComposeLabel.project] = project.name
    labels[ComposeLabel.volume] = key
    labels[ComposeLabel.configHash] = hashes.volumes[key]
    var body: JSONValue = ["Name": .string(volume.name), "Labels": ServiceBody.map(labels)]
    body.set("Driver", volume.driver)
    if !volume.driverOptions.isEmpty { body["DriverOpts"] = ServiceBody.map(volume.driverOptions) }
    try created(title, "volumes", key) { () throws(ClientError) in
      try engine.call(.post, "/volumes/create", json: body)
    }
  }

  private func created(
    _ title: String, _ section: String, _ key: String, _ body: () throws(ClientError) -> Void
  ) throws(ClientError) {
    do { try body() } catch {
      view.show(title, "Error", isFailed: true)
      throw RefusedPlaces.told(error, of: section, key, in: project)
    }
    view.show(title, "Created", isDone: true)
  }

  // MARK: Containers

  private func create(
    _ reference: ComposeContainerReference, _ temporaryName: String?, _ replaces: String?
  ) throws(ClientError) {
    guard let service = project.service(reference.service) else {
      throw ClientError("there is no service '\(reference.service)'")
    }
    let title = "Container \(reference.name)"
    let isAnew = replaces != nil
    view.show(title, isAnew ? "Recreate" : "Creating")
    do {
      let body = try body(service, reference, replaces: replaces)
      let id = try engine.makeContainer(body, named: temporaryName ?? reference.name, platform: service.platform, view)
      remember(reference, id)
      try copyFiles(body, into: id)
    } catch {
      view.show(title, "Error", isFailed: true)
      throw RefusedPlaces.told(error, of: service, in: project)
    }
    view.show(title, isAnew ? "Recreated" : "Created", isDone: true)
  }

  func body(
    _ service: ComposeService, _ reference: ComposeContainerReference, replaces: String? = nil
  ) throws(ClientError) -> ServiceBody {
    guard let image = images[service.name] else { throw ClientError("service '\(service.name)' has no image") }
    var labels = projectLabels()
    labels[ComposeLabel.service] = service.name
    labels[ComposeLabel.containerNumber] = String(reference.number)
    labels[ComposeLabel.oneOff] = settings.isOneOff ? "True" : "False"
    labels[ComposeLabel.configHash] = hashes.services[service.name]
    labels[ComposeLabel.image] = image.id
    labels[ComposeLabel.dependsOn] = service.dependencies.map {
      "\($0.service):\($0.condition.rawValue):\($0.restart)"
    }.joined(separator: ",")
    labels[ComposeLabel.replaces] = replaces.flatMap { id in
      observation.containers.first { $0.id == id }.map { $0.name }
    }
    var body = ServiceBody(
      project: project, service: service, number: reference.number, name: reference.name, image: image.name,
      labels: labels, containersOf: { [self] name throws(ClientError) in containers(of: name) })
    body.isOneOff = settings.isOneOff
    if let replaces { body.inherited = try engine.volumes(of: replaces) }
    return body
  }

  private func projectLabels() -> [String: String] {
    [
      ComposeLabel.project: project.name, ComposeLabel.workingDirectory: project.directory,
      ComposeLabel.configFiles: project.files.joined(separator: ","), "com.docker.compose.version": Version.current,
    ]
  }

  /// Configs and secrets that are no files of this host, or that belong to somebody inside.
  func copyFiles(_ body: ServiceBody, into id: String) throws(ClientError) {
    var archive = SmallArchive()
    for (use, file) in try body.fileUses() {
      switch file.origin {
      case .file(let path):
        if use.isBound { continue }
        try archive.add(use, try readWhole(path, limit: SmallArchive.maximumFileBytes))
      case .environment(_, let value): try archive.add(use, Array(value.utf8))
      case .content(let text): try archive.add(use, Array(text.utf8))
      case .external: throw ClientError("'\(use.source)' is declared as external, which only clusters have")
      }
    }
    guard !archive.isEmpty else { return }
    let connection = try Connection(to: engine.address)
    let bytes = archive.bytes()
    let fields = [("Content-Length", String(bytes.count)), ("Content-Type", "application/x-tar")]
    try connection.send(
      Engine.head(.put, "/containers/\(id)/archive", [("path", "/")], fields) + bytes)
    _ = try engine.answer(on: connection).body.all(limit: Engine.maximumLineBytes)
  }

  private func start(_ reference: ComposeContainerReference) throws(ClientError) {
    try act(reference, "Starting", "Started", asks: true) { id throws(ClientError) in
      try engine.call(.post, "/containers/\(id)/start")
      try runHooks(project.service(reference.service)?.hooks.postStart ?? [], in: id)
    }
  }

  private func stop(_ reference: ComposeContainerReference) throws(ClientError) {
    try act(reference, "Stopping", "Stopped") { id throws(ClientError) in
      try runHooks(project.service(reference.service)?.hooks.preStop ?? [], in: id)
      do throws(ClientError) {
        try engine.call(.post, "/containers/\(id)/stop", query: [("t", settings.stopTimeoutSeconds.map(String.init))])
      } catch {
        guard error.status == 404 || error.status == 304 else { throw error }
      }
    }
  }

  private func runHooks(_ hooks: [ComposeHooks.Command], in id: String) throws(ClientError) {
    for hook in hooks { try engine.run(hook, in: id) }
  }
}

extension Engine {
  /// Runs a command that the files name, a hook for instance; anything but 0 is a failure.
  func run(_ hook: ComposeHooks.Command, in id: String) throws(ClientError) {
    var body: JSONValue = [
      "AttachStdout": true, "AttachStderr": true, "Cmd": .strings(hook.command), "Privileged": .bool(hook.privileged),
    ]
    body.set("User", hook.user)
    body.set("WorkingDir", hook.workingDirectory)
    body.set("Env", ServiceBody.variables(hook.environment))
    let (code, output) = try execute(id, body)
    guard code == 0 else {
      throw ClientError("hook '\(hook.command.joined(separator: " "))' ended with \(code): \(output.suffix(500))")
    }
  }

  /// Makes a container; what the engine warns of is shown.
  func makeContainer(
    _ body: ServiceBody, named name: String, platform: String?, _ view: PlanView
  ) throws(ClientError) -> String {
    let answer = try call(
      .post, "/containers/create", query: [("name", name), ("platform", platform)], json: try body.json())
    for warning in answer["Warnings"].items { view.warn("container \(name): \(warning.string ?? "")") }
    return answer.text("Id")
  }

  /// The named and anonymous volumes of a container by their place inside.
  func volumes(of id: String) throws(ClientError) -> [String: String] {
    var volumes: [String: String] = [:]
    for mount in try call(.get, "/containers/\(id)/json")["Mounts"].items where mount.text("Type") == "volume" {
      volumes[mount.text("Destination")] = mount.text("Name")
    }
    return volumes
  }

  /// Bytes of output that are kept of a command.
  private static let maximumOutputBytes = 1 << 20

  /// Runs a command in a container and waits for its end.
  func execute(_ container: String, _ body: JSONValue) throws(ClientError) -> (code: Int64, output: String) {
    let id = try call(.post, "/containers/\(Self.escape(container))/exec", json: body).text("Id")
    let response = try open(.post, "/exec/\(id)/start", json: ["Detach": false, "Tty": false])
    var output: [UInt8] = []
    var demultiplexer = StreamDemultiplexer()
    while let piece = try response.body.next() {
      do {
        try demultiplexer.feed(piece) { _, bytes in
          output.append(contentsOf: bytes.prefix(max(0, Self.maximumOutputBytes - output.count)))
        }
      } catch {
        throw ClientError("the engine's stream of a command is broken: \(error)")
      }
    }
    let code = try call(.get, "/exec/\(id)/json")["ExitCode"].int ?? 0
    return (code, String(decoding: output, as: UTF8.self))
  }
}
