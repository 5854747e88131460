import ArgumentParser
import Compose
import Glibc

/// Sees to it that the images of services are here: built, pulled, or found.
struct ServiceImages {
  enum PullWish: String, CaseIterable, ExpressibleByArgument { case always, missing, never, policy }

  let engine: Engine
  let project: ComposeProject
  let view: PlanView
  /// `--build`
  var builds = false
  /// `--no-build`
  var neverBuilds = false
  var pull = PullWish.policy

  /// The image of each service by the service's name.
  func prepare(_ services: [ComposeService]) throws(ClientError) -> [String: ServiceImage] {
    var toBuild: [ComposeService] = []
    var toPull: [String: ComposeService] = [:]
    var ids: [String: String] = [:]
    for service in services {
      let name = project.imageName(service)
      if builds, service.build != nil, !neverBuilds {
        toBuild.append(service)
        continue
      }
      let found = try engine.findImage(name)
      if let found { ids[name] = found.text("Id") }
      switch try step(service, name, found) {
      case .none: continue
      case .build: toBuild.append(service)
      case .pull: toPull[name] = service
      }
    }
    try pullAll(toPull)
    for service in try ordered(toBuild) {
      try ServiceBuild(project: project, service: service).run(connectedTo: engine)
    }
    var images: [String: ServiceImage] = [:]
    let stale = Set(toBuild.map(project.imageName)).union(toPull.keys)
    for service in services {
      let name = project.imageName(service)
      let id = stale.contains(name) ? try engine.findImage(name)?.text("Id") : ids[name]
      guard let id else { throw refused(service, "there is no image '\(name)' after all") }
      images[service.name] = ServiceImage(name: name, id: id)
    }
    return images
  }

  /// Who waits for a service to be healthy needs it to have a check, its own or its image's. Docker's compose fails when it comes to
  /// the waiting; here it is told before anything changes.
  func requireChecks(_ services: [ComposeService], _ images: [String: ServiceImage]) throws(ClientError) {
    var hasCheck: [String: Bool] = [:]
    for service in services {
      for need in service.dependencies where need.condition == .healthy {
        guard let needed = services.first(where: { $0.name == need.service }), needed.replicas > 0 else { continue }
        if hasCheck[needed.name] == nil { hasCheck[needed.name] = try self.hasCheck(needed, images[needed.name]) }
        guard hasCheck[needed.name] == false else { continue }
        let reason =
          needed.healthcheck?.isDisabled == true
          ? "its healthcheck is disabled" : "it has no healthcheck configured, and its image brings none"
        let fault = project.fault(
          of: ["services", service.name], keys: ["depends_on"], element: need.service,
          "'\(need.service)' can never be healthy: \(reason); give it a healthcheck, or wait for 'service_started'")
        guard need.required else {
          view.warn(fault.description)
          continue
        }
        throw ClientError(fault.description)
      }
    }
  }

  private func hasCheck(_ service: ComposeService, _ image: ServiceImage?) throws(ClientError) -> Bool {
    if let check = service.healthcheck, !check.test.isEmpty { return !check.isDisabled }
    guard let image else { return true }
    let test = try engine.findImage(image.id)?["Config"]["Healthcheck"]["Test"].items.compactMap(\.string) ?? []
    return !test.isEmpty && test.first != "NONE"
  }

  /// Services to build, each behind those whose images it is made from: those, too, that have no image yet.
  func ordered(_ services: [ComposeService]) throws(ClientError) -> [ComposeService] {
    var result: [ComposeService] = []
    var known: Set<String> = []
    var waiting = Array(services.reversed())
    while let service = waiting.last {
      if result.contains(where: { $0.name == service.name }) {
        waiting.removeLast()
        continue
      }
      var before: [ComposeService] = []
      if known.insert(service.name).inserted {
        for name in service.build?.services ?? [] {
          guard let other = (project.services + project.disabledServices).first(where: { $0.name == name }),
            other.build != nil
          else { continue }
          let isAsked = services.contains { $0.name == name }
          let isHere = try engine.findImage(project.imageName(other)) != nil
          if isAsked || !isHere { before.append(other) }
        }
      }
      if before.isEmpty { result.append(waiting.removeLast()) }
      waiting += before.reversed()
    }
    return result
  }

  private enum Step { case none, build, pull }

  private func step(_ service: ComposeService, _ name: String, _ found: JSONValue?) throws(ClientError) -> Step {
    var policy = service.pullPolicy
    switch pull {
    case .always: policy = .always
    case .missing: policy = .missing
    case .never: policy = .never
    case .policy: break
    }
    let canBuild = service.build != nil && !neverBuilds
    switch policy {
    case .build where canBuild: return .build
    case .always where service.build == nil: return .pull
    case .every(let nanoseconds) where found != nil && service.build == nil:
      return isOlder(found ?? .null, than: nanoseconds) ? .pull : .none
    default: break
    }
    if found != nil { return .none }
    if canBuild { return .build }
    guard policy != .never else {
      throw refused(
        service,
        "the image '\(name)' is not here and may not be pulled: pull it, or say 'pull_policy: missing'")
    }
    return .pull
  }

  private func isOlder(_ image: JSONValue, than nanoseconds: Int64) -> Bool {
    guard let time = Units.parseDate(image["Metadata"].text("LastTagTime")) else { return true }
    return Units.now().minus(time) >= nanoseconds / 1_000_000_000
  }

  private func refused(_ service: ComposeService, _ message: String) -> ClientError {
    let keys = ["image", "build"]
    return ClientError(project.fault(of: ["services", service.name], keys: keys, message).description)
  }

  /// Several at once; each is shown by one line.
  func pullAll(_ images: [String: ComposeService]) throws(ClientError) {
    let wanted = images.sorted { $0.key < $1.key }.map { (name: $0.key, service: $0.value) }
    let (engine, view, project) = (engine, view, project)
    try Threads.forEach(wanted, limit: 4) { image throws(ClientError) in
      let title = "Image \(image.name)"
      view.show(title, "Pulling")
      do throws(ClientError) {
        let hasDigest = image.name.contains("@")
        let (name, tag) = hasDigest ? (image.name, nil) : Engine.repositoryAndTag(image.name)
        try engine.pull(name, tag: hasDigest ? nil : tag ?? "latest", platform: image.service.platform, quiet: true)
        view.show(title, "Pulled", isDone: true)
      } catch {
        view.show(title, "Error", isFailed: true)
        throw error.saying(
          project.fault(of: ["services", image.service.name], keys: ["image"], error.message).description)
      }
    }
  }
}

extension Engine {
  /// What the engine knows of an image; nil where it is not here.
  func findImage(_ name: String) throws(ClientError) -> JSONValue? {
    do { return try call(.get, "/images/\(Self.escape(name))/json") } catch {
      guard error.status == 404 else { throw error }
      return nil
    }
  }
}

/// Builds the image of one service as `bulkhead build` does.
struct ServiceBuild {
  let project: ComposeProject
  let service: ComposeService
  var noCache = false
  var pull = false
  var isQuiet = false
  var progress = "auto"
  var arguments: [String] = []

  func run(connectedTo engine: Engine) throws(ClientError) {
    guard let build = service.build else { return }
    var file: String?
    if let text = build.dockerfileInline { file = try Self.temporary(text) }
    defer { if build.dockerfileInline != nil, let file { unlink(file) } }
    if let path = build.dockerfile, build.dockerfileInline == nil {
      file = path.hasPrefix("/") || ServiceBuild.isRemote(build.context) ? path : build.context + "/" + path
    }
    var words = ["--host", "unix://\(engine.address.path)", "--tag", project.imageName(service)]
    if let file { words += ["--file", file] }
    words += try options(build)
    do {
      let command = try Build.parse(words + ["--progress", isQuiet ? "quiet" : progress, build.context])
      try command.run()
    } catch let failure as ClientError {
      throw failure.saying(told(failure.message))
    } catch {
      throw ClientError(told(Build.message(for: error)))
    }
  }

  private func told(_ message: String) -> String {
    project.fault(of: ["services", service.name], keys: ["build"], message).description
  }

  private func options(_ build: ComposeBuild) throws(ClientError) -> [String] {
    var words = build.tags.flatMap { ["--tag", $0] }
    for (name, value) in build.arguments.sorted(by: { $0.key < $1.key }) {
      words += ["--build-arg", value.map { "\(name)=\($0)" } ?? name]
    }
    words += arguments.flatMap { ["--build-arg", $0] }
    for (name, value) in build.labels.sorted(by: { $0.key < $1.key }) { words += ["--label", "\(name)=\(value)"] }
    if let target = build.target { words += ["--target", target] }
    if let network = build.network { words += ["--network", network] }
    if let platform = service.platform ?? build.platforms.first { words += ["--platform", platform] }
    words += build.cacheFrom.flatMap { ["--cache-from", $0] } + build.cacheTo.flatMap { ["--cache-to", $0] }
    words += build.extraHosts.flatMap { ["--add-host", $0] } + build.ulimits.flatMap { ["--ulimit", $0] }
    for (id, socket) in build.agents.sorted(by: { $0.key < $1.key }) {
      words += ["--ssh", socket.isEmpty ? id : "\(id)=\(socket)"]
    }
    for (name, context) in build.contexts.sorted(by: { $0.key < $1.key }) {
      words += ["--build-context", "\(name)=\(place(of: context))"]
    }
    if let size = build.sharedMemorySizeBytes { words += ["--shm-size", "\(size)"] }
    if build.noCache || noCache { words.append("--no-cache") }
    if build.pull || pull { words.append("--pull") }
    for use in build.secrets {
      let id = use.target.split(separator: "/").last.map(String.init) ?? use.source
      switch project.secret(use.source)?.origin {
      case .file(let path): words += ["--secret", "id=\(id),src=\(path)"]
      case .environment(let name, let value):
        setenv(name, value, 1)
        words += ["--secret", "id=\(id),env=\(name)"]
      default: throw ClientError("service '\(service.name)': the secret '\(use.source)' is neither file nor variable")
      }
    }
    return words
  }

  private func place(of context: ComposeBuild.Context) -> String {
    switch context {
    case .folder(let path): return path
    case .image(let name): return NamedContext.imagePrefix + name
    case .service(let name):
      let service = (project.services + project.disabledServices).first { $0.name == name }
      return NamedContext.imagePrefix + (service.map(project.imageName) ?? name)
    }
  }

  private static func isRemote(_ context: String) -> Bool {
    ["http://", "https://", "git://", "git@", "ssh://"].contains { context.hasPrefix($0) }
  }

  private static func temporary(_ text: String) throws(ClientError) -> String {
    var template = Array("\(environmentVariable("TMPDIR") ?? "/tmp")/Dockerfile.XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw ClientError("cannot make a temporary file: \(describe(errno: errno))") }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    try writeAll(descriptor, Array(text.utf8)[...])
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
