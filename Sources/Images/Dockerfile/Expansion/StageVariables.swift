/// Arguments of a build that hold for all of its stages, and what they may be.
public struct BuildArguments: Sendable, Hashable {
  /// Given by the client (`--build-arg`).
  public let given: [String: String]
  /// Known in `FROM` lines, and inherited by an `ARG` without value: the predefined ones and those before the first `FROM`.
  public private(set) var global: [String: String]

  /// May be given without an `ARG`; they reach `RUN` as variables, but neither the history nor the cache's keys.
  public static let proxyNames: Set<String> = [
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
    "ALL_PROXY", "all_proxy",
  ]

  /// A platform's parts, for the predefined arguments.
  public struct Platform: Sendable, Hashable {
    public var os: String
    public var architecture: String
    public var variant: String
    public var osVersion: String

    public init(os: String, architecture: String, variant: String = "", osVersion: String = "") {
      self.os = os
      self.architecture = architecture
      self.variant = variant
      self.osVersion = osVersion
    }

    var text: String { variant.isEmpty ? "\(os)/\(architecture)" : "\(os)/\(architecture)/\(variant)" }

    fileprivate func arguments(_ prefix: String) -> [String: String] {
      [
        "\(prefix)PLATFORM": text, "\(prefix)OS": os, "\(prefix)ARCH": architecture, "\(prefix)VARIANT": variant,
        "\(prefix)OSVERSION": osVersion,
      ]
    }
  }

  /// - Parameter stage: the target's name; empty for the last.
  /// - Throws: `invalidArgument` with the place of the fault.
  public init(
    _ file: ParsedDockerfile, given: [String: String], target: Platform, build: Platform, stage: String = ""
  ) throws {
    self.given = given
    global = target.arguments("TARGET").merging(build.arguments("BUILD")) { $1 }
    global["TARGETSTAGE"] = stage.isEmpty ? "default" : stage
    for (name, value) in given where global[name] != nil { global[name] = value }
    for instruction in file.globalArguments {
      guard case .arg(let arguments) = instruction.kind else { continue }
      for argument in arguments {
        let expansion = WordExpansion(escape: file.directives.escape, variables: global)
        let name = try expansion.expand(argument.name).text
        if let value = try given[name] ?? argument.value.map({ try expansion.expand($0).text }) { global[name] = value }
      }
    }
  }

  /// The given ones that no `ARG` of the file names and that are not predefined: docker warns of these.
  public func unused(in file: ParsedDockerfile) -> [String] {
    var known = Self.proxyNames.union(["SOURCE_DATE_EPOCH"]).union(global.keys)
    for instruction in file.globalArguments + file.stages.flatMap(\.instructions) {
      if case .arg(let arguments) = instruction.kind { known.formUnion(arguments.map(\.name.text)) }
    }
    return given.keys.filter { !known.contains($0) && !$0.hasPrefix("BUILDKIT_") }.sorted()
  }
}

/// What `$name` means at one place of a stage: `ENV` of the base image and of the stage, and the stage's `ARG`. As in
/// BuildKit, the later of the two wins.
public struct StageVariables: Sendable, Hashable {
  /// All of them, as `RUN` gets them.
  public private(set) var all: [String: String]
  /// Names that are there by `ARG` alone, and so not in the image.
  public private(set) var argumentNames: Set<String> = []

  /// - Parameter environment: `NAME=value` of the base image.
  public init(environment: [String]) {
    all = [:]
    for variable in environment {
      let name = variable.unicodeScalars.prefix { $0 != "=" }
      all[String(name)] = String(variable.unicodeScalars.dropFirst(name.count + 1))
    }
  }

  public mutating func set(_ name: String, _ value: String) {
    all[name] = value
    argumentNames.remove(name)
  }

  /// `ARG` in a stage; the declared arguments with their values, for the history (nil: no value).
  /// - Throws: `invalidArgument` with the place of the fault.
  public mutating func declare(
    _ declared: [Argument], in build: BuildArguments, escape: Unicode.Scalar
  ) throws -> [(name: String, value: String?)] {
    try declared.map { argument in
      let expansion = WordExpansion(escape: escape, variables: all)
      let name = try expansion.expand(argument.name).text
      let value =
        try build.given[name] ?? argument.value.map { try expansion.expand($0).text } ?? build.global[name]
      if let value {
        if all[name] == nil { argumentNames.insert(name) }
        all[name] = value
      }
      return (name, value)
    }
  }
}
