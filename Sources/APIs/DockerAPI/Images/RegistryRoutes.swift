import ContainerEngine
import Distribution
import HTTPServing
import Model
import OCITypes
import RegistryClient

/// Images from and to registries.
enum RegistryRoutes {
  /// Progress lines that may wait for a slow client; older ones are dropped then.
  private static let pendingLines = 4_000
  private static let maximumResults = 100
  private static let standardResults = 25

  static func add(to routes: inout Routes) {
    routes.on(.POST, "/images/{name…}/push", push)
    routes.on(.GET, "/images/search", search)
    routes.on(.POST, "/auth", logIn)
    routes.on(.GET, "/distribution/{name…}/json", inspect)
    routes.on(.GET, "/bulkhead/v1/manifests/{name…}/json", manifest)
  }

  // MARK: - Pull and push

  /// The part of `POST /images/create` that pulls.
  static func pull(_ name: String, _ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    var text = name
    // A name without tag means all tags to the API; docker's command line says `latest` itself.
    let tag = request.text("tag")
    if let tag { text = ImageTransferRoutes.reference(repository: name, tag: tag) ?? name }
    let reference = try ImageReference(parsing: text)
    let platform = try request.text("platform").map(Platform.init(parsing:)).map { platform in
      OCITypes.Platform(
        architecture: platform.architecture ?? OCITypes.Platform.host.architecture, os: platform.system,
        variant: platform.variant)
    }
    let credentials = try RegistryAuthorization.credentials(request)
    let engine = context.engine
    let permit = try await engine.transfers.enter()
    let wanted =
      reference.isNameOnly ? try await engine.remoteTags(reference, credentials: credentials) : [reference]
    guard let first = wanted.first else {
      throw PlatformError(.notFound, "\(reference.familiarName) has no tags")
    }
    // Before the answer begins: afterwards only the stream can tell what is wrong.
    let found = try await engine.findImage(first, platform: platform, credentials: credentials)
    return ImageTransferRoutes.progress(context) { writer in
      try await streaming(writer) { report in
        _ = try await engine.pullImage(found, report: report)
        for name in wanted.dropFirst() {
          let pull = try await engine.findImage(name, platform: platform, credentials: credentials)
          _ = try await engine.pullImage(pull, report: report)
        }
        withExtendedLifetime(permit) {}
      }
    }
  }

  static func push(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let tag = request.text("tag")
    let text = ImageTransferRoutes.reference(repository: request["name"], tag: tag) ?? request["name"]
    let reference = try ImageReference(parsing: text)
    let credentials = try RegistryAuthorization.credentials(request)
    let engine = context.engine
    let permit = try await engine.transfers.enter()
    return ImageTransferRoutes.progress(context) { writer in
      try await streaming(writer) { report in
        try await engine.pushImage(
          reference, allTags: reference.isNameOnly, credentials: credentials, report: report)
        withExtendedLifetime(permit) {}
      }
    }
  }

  /// Writes what a transfer tells while it goes on; its failure comes out when the lines before it have.
  private static func streaming(
    _ writer: StreamWriter, _ work: @escaping @Sendable (@escaping TransferReport) async throws -> Void
  ) async throws {
    let (events, feed) = AsyncStream.makeStream(
      of: TransferEvent.self, bufferingPolicy: .bufferingNewest(pendingLines))
    async let done: Void = run(work, feed)
    for await event in events { try await writer.write(line(event)) }
    try await done
  }

  private static func run(
    _ work: @Sendable (@escaping TransferReport) async throws -> Void, _ feed: AsyncStream<TransferEvent>.Continuation
  ) async throws {
    defer { feed.finish() }
    try await work { feed.yield($0) }
  }

  static func line(_ event: TransferEvent) -> [UInt8] {
    JSONWriter.object { writer in
      if let pushed = event.pushed {
        writer.object("progressDetail") { _ in }
        writer.object("aux") { writer in
          writer.field("Tag", pushed.tag)
          writer.field("Digest", pushed.digest.description)
          writer.field("Size", pushed.sizeBytes)
        }
        return
      }
      writer.field("status", event.status)
      if let current = event.current, let total = event.total {
        writer.object("progressDetail") { writer in
          writer.field("current", current)
          writer.field("total", total)
        }
        writer.field("progress", ProgressText.bar(current: current, total: total))
      } else if event.id != nil {
        writer.object("progressDetail") { _ in }
      }
      if let id = event.id { writer.field("id", id) }
    } + [10]
  }

  // MARK: - Questions

  static func logIn(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let authorization = try RegistryAuthorization(try await request.fields())
    guard case .anonymous = authorization.credentials else {
      let token = try await context.engine.logIn(
        server: authorization.server ?? "", credentials: authorization.credentials)
      return .json { writer in
        writer.field("Status", "Login Succeeded")
        writer.field("IdentityToken", token ?? "")
      }
    }
    throw PlatformError(.unauthenticated, "login needs username and password, or a token")
  }

  static func search(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let term = request.text("term") else {
      throw PlatformError(.invalidArgument, "term: must name what to look for")
    }
    let limit = try request.integer("limit", in: 0...maximumResults) ?? 0
    let filters = try request.filters()
    try filters.requireKeys(["is-official", "is-automated", "stars"])
    let official = try filters.flag("is-official")
    let automated = try filters.flag("is-automated")
    let stars =
      try filters["stars"].map { text in
        guard let number = Int(text), number >= 0 else {
          throw PlatformError(.invalidArgument, "invalid filter 'stars=\(text.prefix(64))'")
        }
        return number
      }.max() ?? 0
    let found = try await context.engine.searchImages(
      term, limit: limit == 0 ? standardResults : limit, credentials: try RegistryAuthorization.credentials(request))
    let chosen = found.filter { result in
      result.stars >= stars && (official == nil || official == result.isOfficial) && automated != true
    }
    return .json(
      JSONWriter.list(chosen) { writer, result in
        writer.object { writer in
          writer.field("star_count", result.stars)
          writer.field("is_official", result.isOfficial)
          writer.field("name", result.name)
          writer.field("is_automated", false)
          writer.field("description", result.description)
        }
      })
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let reference = try ImageReference(parsing: request["name"])
    let (descriptor, platforms) = try await context.engine.inspectRemote(
      reference, credentials: try RegistryAuthorization.credentials(request))
    return .json { writer in
      writer.object("Descriptor") { write(descriptor, into: &$0) }
      writer.list("Platforms", platforms) { writer, platform in
        writer.object { writer in
          writer.field("architecture", platform.architecture)
          writer.field("os", platform.os)
          if let variant = platform.variant { writer.field("variant", variant) }
        }
      }
    }
  }
}

extension RegistryRoutes {
  /// The document that a registry has under a name, as it has it: `{"descriptor": …, "manifest": …}`. A route of the platform's own.
  static func manifest(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let manifest = try await context.engine.remoteManifest(
      try ImageReference(parsing: request["name"]), credentials: try RegistryAuthorization.credentials(request))
    return .json { writer in
      writer.object("descriptor") { write(manifest.descriptor, into: &$0) }
      writer.name("manifest")
      writer.encoded(manifest.bytes)
    }
  }

  private static func write(_ descriptor: ContentDescriptor, into writer: inout JSONWriter) {
    writer.field("mediaType", descriptor.mediaType.rawValue)
    writer.field("digest", descriptor.digest.description)
    writer.field("size", descriptor.size)
  }
}

/// The bar that old clients print as it comes: `[=====>     ]  1.2MB/5MB`.
enum ProgressText {
  private static let width: Int64 = 50

  static func bar(current: Int64, total: Int64) -> String {
    let current = max(0, current)
    guard total > 0, current <= total else { return size(current) }
    let done = Int(current * width / total)
    let rest = String(repeating: " ", count: Int(width) - done)
    let number = size(current)
    let padded = String(repeating: " ", count: max(0, 8 - number.count)) + number
    return "[\(String(repeating: "=", count: done))>\(rest)] \(padded)/\(size(total))"
  }

  /// Powers of 1,000 and four digits, as docker writes them.
  static func size(_ bytes: Int64) -> String {
    var value = Double(bytes)
    var index = 0
    let units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 1_000, index + 1 < units.count {
      value /= 1_000
      index += 1
    }
    var digits = value >= 1_000 || index == 0 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    var whole = Int64((value * scale).rounded())
    while digits > 0, whole % 10 == 0 {
      whole /= 10
      digits -= 1
      scale /= 10
    }
    let divisor = Int64(scale)
    guard digits > 0 else { return "\(whole)\(units[index])" }
    let fraction = String(whole % divisor)
    let padded = String(repeating: "0", count: digits - fraction.count) + fraction
    return "\(whole / divisor).\(padded)\(units[index])"
  }
}
