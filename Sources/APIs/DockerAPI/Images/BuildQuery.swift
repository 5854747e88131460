import Builder
import HTTPServing
import Model

/// The query of `POST /build` (Docker Engine API, *Build an image*).
struct BuildQuery {
  private static let maximumTags = 64
  private static let maximumJSONBytes = 1 << 20

  let request: BuildRequest
  let isQuiet: Bool
  /// A context that was sent before, by its digest.
  let contextID: Digest?
  /// A repository whose files are the context.
  let repository: GitAddress?
  /// Events for the platform's own client instead of docker's lines.
  let wantsEvents: Bool

  init(_ query: DockerRequest) throws {
    try Self.refuseUnsupported(query)
    var request = BuildRequest()
    request.dockerfile = query.text("dockerfile") ?? "Dockerfile"
    request.target = query.text("target") ?? ""
    request.usesCache = !query.flag("nocache")
    request.pulls = query.flag("pull")
    let tags = query.http.query.all("t").filter { !$0.isEmpty }
    guard tags.count <= Self.maximumTags else {
      throw PlatformError(.invalidArgument, "t: at most \(Self.maximumTags) names")
    }
    request.references = try tags.map { text in
      let reference = try ImageReference(parsing: text)
      guard reference.digest == nil else {
        throw PlatformError(.invalidArgument, "t: '\(text.prefix(256))': a build cannot be named by a digest")
      }
      return reference.withDefaultTag
    }
    request.arguments = try Self.map(query, "buildargs")
    request.labels = try Self.map(query, "labels")
    request.settings = try Self.settings(query)
    request.cacheSources = try BuildCaches.sources(try Self.strings(query, "cachefrom"))
    request.cacheTargets = try BuildCaches.targets(try Self.strings(query, "cacheto"))
    self.request = request
    isQuiet = query.flag("q")
    contextID = try query.text("context").map { try Digest(parsing: $0) }
    repository = try query.text("remote").map { text in
      guard text != "client-session", GitAddress.isRepository(text) else {
        throw PlatformError(
          .notImplemented,
          "remote: '\(text.prefix(128))': only git repositories (https://….git) are contexts here: send the context")
      }
      return try GitAddress(parsing: text)
    }
    wantsEvents = query.flag("events")
  }

  private static func refuseUnsupported(_ query: DockerRequest) throws {
    if let version = query.text("version"), version != "1" {
      throw PlatformError(
        .notImplemented,
        "version: BuildKit's protocol is not supported by this engine: build with DOCKER_BUILDKIT=0, or with bulkhead build"
      )
    }
    if query.flag("squash") {
      throw PlatformError(
        .notImplemented, "squash: squashing layers is not supported by this engine: use a stage and COPY --from")
    }
    if let outputs = query.text("outputs"), outputs != "[]" {
      throw PlatformError(.notImplemented, "outputs: only images are built by this engine")
    }
    if let isolation = query.text("isolation"), isolation != "default" {
      throw PlatformError(.notImplemented, "isolation: '\(isolation.prefix(32))' is not supported by this engine")
    }
    if let platform = try query.text("platform").map(Platform.init(parsing:)),
      !platform.takes(system: "linux", architecture: Platform.hostArchitecture, variant: nil)
    {
      throw PlatformError(
        .notImplemented, "platform: '\(platform.description.prefix(64))' is not this host's, and no other is supported")
    }
    if let options = query.text("securityopt"), options != "[]", options != "null" {
      throw PlatformError(.forbidden, "securityopt: no build step gets other rights than a container's default")
    }
    if let parent = query.text("cgroupparent"), !parent.isEmpty {
      throw PlatformError(
        .notImplemented, "cgroupparent: '\(parent.prefix(128))': steps of builds stay below the engine's control group")
    }
  }

  /// A JSON list of texts.
  private static func strings(_ query: DockerRequest, _ name: String) throws -> [String] {
    guard let text = query.text(name) else { return [] }
    guard text.utf8.count <= maximumJSONBytes else { throw PlatformError(.resourceExhausted, "\(name): too long") }
    let value = try JSONParser.parse(Array(text.utf8))
    return try JSONFields(.object([(name, value)])).strings(name) ?? []
  }

  /// A JSON object of texts; members that are null are left out.
  private static func map(_ query: DockerRequest, _ name: String) throws -> [String: String] {
    guard let text = query.text(name) else { return [:] }
    guard text.utf8.count <= maximumJSONBytes else { throw PlatformError(.resourceExhausted, "\(name): too long") }
    switch try JSONParser.parse(Array(text.utf8)) {
    case .null: return [:]
    case .object(let members):
      var result: [String: String] = [:]
      for (key, value) in members {
        switch value {
        case .null: continue
        case .string(let text): result[key] = text
        default:
          throw PlatformError(.invalidArgument, "\(name).\(key.prefix(64)): expected a string, found \(value.kindName)")
        }
      }
      return result
    case let other: throw PlatformError(.invalidArgument, "\(name): expected an object, found \(other.kindName)")
    }
  }

  private static func settings(_ query: DockerRequest) throws -> StepSettings {
    var settings = StepSettings()
    func number(_ name: String) throws -> Int64 { Int64(try query.integer(name) ?? 0) }
    settings.resources.memoryBytes = try number("memory")
    settings.resources.memorySwapBytes = try number("memswap")
    settings.resources.cpuShares = try number("cpushares")
    settings.resources.cpuPeriodMicroseconds = try number("cpuperiod")
    settings.resources.cpuQuotaMicroseconds = try number("cpuquota")
    settings.resources.cpusetCPUs = query.text("cpusetcpus") ?? ""
    settings.resources.cpusetMemoryNodes = query.text("cpusetmems") ?? ""
    let shared = try number("shmsize")
    if shared > 0 { settings.sharedMemorySizeBytes = shared }
    settings.extraHosts = query.http.query.all("extrahosts").flatMap { $0.split(separator: ",").map(String.init) }
    settings.resourceLimits = try limits(query)
    switch query.text("networkmode") ?? "default" {
    case "default", "bridge": settings.network = .standard
    case "none": settings.network = .none
    case "host": settings.network = .host
    case let name where name.hasPrefix("container:"):
      throw PlatformError(.forbidden, "networkmode: a build step cannot join a container's network")
    case let name: settings.network = .named(name)
    }
    return settings
  }

  private static func limits(_ query: DockerRequest) throws -> [ResourceLimit] {
    guard let text = query.text("ulimits") else { return [] }
    guard text.utf8.count <= maximumJSONBytes else { throw PlatformError(.resourceExhausted, "ulimits: too long") }
    guard case .array(let items) = try JSONParser.parse(Array(text.utf8)) else { return [] }
    return try items.map { item in
      let fields = try JSONFields(item, path: "ulimits")
      return ResourceLimit(
        name: try fields.text("Name") ?? "", soft: try fields.integer("Soft") ?? 0,
        hard: try fields.integer("Hard") ?? 0)
    }
  }
}
