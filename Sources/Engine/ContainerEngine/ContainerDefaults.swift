import Model
import OCITypes

/// What becomes of a client's settings once the image's values are put under them.
struct ContainerDefaults {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  let settings: ContainerSettings
  let image: ImageExecution

  /// Program and arguments: docker's rules for ENTRYPOINT and CMD.
  func arguments() throws -> [String] {
    let entrypoint: [String]
    let command: [String]
    if let asked = settings.entrypoint, asked != [] {
      // An entry point of the client's own makes the image's command void; `[""]` only clears the image's.
      entrypoint = asked == [""] ? [] : asked
      command = settings.command ?? []
    } else {
      entrypoint = image.entrypoint ?? []
      command = settings.command.flatMap { $0.isEmpty ? nil : $0 } ?? image.cmd ?? []
    }
    let arguments = entrypoint + command
    guard !arguments.isEmpty else { throw PlatformError(.invalidArgument, "no command specified").about(.command) }
    guard arguments.allSatisfy({ !$0.utf8.contains(0) }) else {
      throw PlatformError(.invalidArgument, "invalid command: an argument contains a NUL byte")
    }
    return arguments
  }

  /// The image's variables, then the client's; a name alone removes one. PATH, HOSTNAME, HOME and TERM are given too.
  func environment(hostname: String) -> [String] {
    var result: [String?] = []
    var places: [Substring: Int] = [:]
    func set(_ text: String) {
      let name = text.prefix { $0 != "=" }
      if let place = places[name] {
        result[place] = text
      } else {
        places[name] = result.count
        result.append(text)
      }
    }
    set(Self.path)
    set("HOSTNAME=\(hostname)")
    if settings.terminal { set("TERM=xterm") }
    for text in image.env ?? [] { set(text) }
    for text in settings.environment {
      if text.contains("=") {
        set(text)
      } else if let place = places.removeValue(forKey: text[...]) {
        result[place] = nil
      }
    }
    return result.compactMap { $0 }
  }

  /// The client's settings with the image's values where the client gave none, as far as they are checked like a request.
  var merged: ContainerSettings {
    var merged = settings
    merged.environment = (image.env ?? []) + settings.environment
    merged.workingDirectory = workingDirectory
    merged.labels = labels
    merged.stopSignal = stopSignal
    merged.healthcheck = healthcheck
    merged.anonymousVolumes = anonymousVolumes
    return merged
  }

  var workingDirectory: String {
    let asked = settings.workingDirectory.flatMap { $0.isEmpty ? nil : $0 } ?? image.workingDir ?? ""
    return asked.isEmpty ? "/" : asked
  }

  var user: String { settings.user.flatMap { $0.isEmpty ? nil : $0 } ?? image.user ?? "" }

  var labels: [String: String] { (image.labels ?? [:]).merging(settings.labels) { _, own in own } }

  var stopSignal: String { settings.stopSignal.flatMap { $0.isEmpty ? nil : $0 } ?? image.stopSignal ?? "SIGTERM" }

  /// The image's exposed ports and the client's, sorted.
  func exposedPorts() throws -> [ContainerPort] {
    var ports = Set(settings.exposedPorts)
    for text in (image.exposedPorts ?? [:]).keys {
      let parts = text.split(separator: "/", maxSplits: 1)
      guard let number = parts.first.flatMap({ UInt16($0) }), number > 0,
        let transport = ContainerPort.Transport(rawValue: parts.count > 1 ? parts[1].lowercased() : "tcp")
      else { throw PlatformError(.invalidArgument, "invalid exposed port '\(text.prefix(40))' in the image") }
      ports.insert(ContainerPort(number: number, transport: transport))
    }
    for request in settings.host.publishedPorts { ports.insert(request.port) }
    return ports.sorted()
  }

  /// Destinations of anonymous volumes: the image's and the client's.
  var anonymousVolumes: [String] { Set((image.volumes ?? [:]).keys).union(settings.anonymousVolumes).sorted() }

  /// The health check that holds; nil where there is none.
  var healthcheck: HealthcheckSettings? {
    var check = settings.healthcheck ?? HealthcheckSettings()
    if let own = image.healthcheck {
      if check.test.isEmpty { check.test = own.test ?? [] }
      if check.intervalNanoseconds == 0 { check.intervalNanoseconds = own.interval ?? 0 }
      if check.timeoutNanoseconds == 0 { check.timeoutNanoseconds = own.timeout ?? 0 }
      if check.startPeriodNanoseconds == 0 { check.startPeriodNanoseconds = own.startPeriod ?? 0 }
      if check.startIntervalNanoseconds == 0 { check.startIntervalNanoseconds = own.startInterval ?? 0 }
      if check.retries == 0 { check.retries = own.retries ?? 0 }
    }
    return check.test.isEmpty || check.test == ["NONE"] ? nil : check
  }
}
