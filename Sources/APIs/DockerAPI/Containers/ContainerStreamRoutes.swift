import ContainerEngine
import HTTPServing
import LinuxSystem
import Model

/// Containers: attach, logs and stats.
enum ContainerStreamRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/containers/{id}/attach", attach)
    routes.on(.GET, "/containers/{id}/logs", logs)
    routes.on(.GET, "/containers/{id}/stats", stats)
  }

  static func attach(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let options = AttachOptions(
      stream: request.flag("stream"), logs: request.flag("logs"), stdin: request.flag("stdin"),
      stdout: request.flag("stdout"), stderr: request.flag("stderr"),
      detachKeys: try DetachKeysText.parse(request.text("detachKeys")))
    let session = try await context.engine.attach(request["id"], options)
    let type = StreamFraming.contentType(terminal: session.terminal, version: request.version)
    return HTTPResponse(
      headers: ["Content-Type": request.http.isUpgrade ? type : StreamFraming.rawType],
      body: .hijack { stream in
        try await SessionPump.run(session, stream, reads: options.stream && options.stdin)
      })
  }

  // MARK: logs

  static func logs(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let query = try logQuery(request, now: Int64(Clock.realTimeNanoseconds()))
    let view = try context.engine.container(request["id"])
    let reader = try context.engine.logs(request["id"], query)
    let isTerminal = view.record.settings.terminal
    let format = LogFormat(
      timestamps: request.flag("timestamps"), details: request.flag("details") ? LogFormat.details(view.record) : nil,
      terminal: isTerminal)
    return HTTPResponse(
      headers: ["Content-Type": StreamFraming.contentType(terminal: isTerminal, version: request.version)],
      body: .stream { writer in
        var format = format
        var pending: [UInt8] = []
        while let entry = try await reader.next() {
          format.append(entry, to: &pending)
          // Whole files go out in large pieces; a follower gets each line at once.
          if query.follow || pending.count >= LogFormat.flushBytes {
            try await writer.write(pending)
            pending.removeAll(keepingCapacity: true)
          }
        }
        try await writer.write(pending)
      })
  }

  static func logQuery(_ request: DockerRequest, now: Int64) throws -> LogQuery {
    var query = LogQuery()
    query.stdout = request.flag("stdout")
    query.stderr = request.flag("stderr")
    guard query.stdout || query.stderr else {
      throw PlatformError(.invalidArgument, "Bad parameters: you must choose at least one stream")
    }
    query.follow = request.flag("follow")
    query.since = try request.moment("since", now: now)
    query.until = try request.moment("until", now: now)
    // As docker does, anything that is no number means all lines.
    if let text = request.text("tail"), let lines = Int(text), lines >= 0 { query.tail = lines }
    return query
  }

  // MARK: stats

  private static let intervalNanoseconds: UInt64 = 1_000_000_000

  static func stats(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let engine = context.engine
    let record = try engine.container(request["id"]).record
    let name = record.id.hex
    let first = try await engine.stats(name)
    if !request.flag("stream", default: true) {
      let isOneShot = request.version >= .v1(41) && request.flag("one-shot")
      if isOneShot || first.cgroup == nil {
        return .json(StatsResponse.encode(first, before: nil, record: record))
      }
      try await Task.sleep(nanoseconds: intervalNanoseconds)
      return .json(StatsResponse.encode(try await engine.stats(name), before: first, record: record))
    }
    return HTTPResponse(
      headers: ["Content-Type": "application/json"],
      body: .stream { writer in
        var before: StatsSample?
        var sample = first
        while true {
          try await writer.write(StatsResponse.encode(sample, before: before, record: record) + [UInt8(ascii: "\n")])
          before = sample
          try await Task.sleep(nanoseconds: intervalNanoseconds)
          // A removed container ends the stream.
          guard let next = try? await engine.stats(name) else { return }
          sample = next
        }
      })
  }
}
