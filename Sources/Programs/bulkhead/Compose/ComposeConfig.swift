import ArgumentParser
import Compose
import Glibc

struct ComposeConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Check the files and show what they come to.",
    discussion: "Every short form is written out, variables are replaced, files are merged.", aliases: ["convert"])

  @OptionGroup var project: ProjectOptions
  @Option(help: "yaml or json.") var format = "yaml"
  @Flag(help: "The services' names.") var services = false
  @Flag(help: "The volumes' keys.") var volumes = false
  @Flag(help: "The networks' keys.") var networks = false
  @Flag(help: "The images that services run.") var images = false
  @Flag(help: "All profiles of the files.") var profiles = false
  @Flag(help: "The variables that the files are read with.") var environment = false
  @Flag(help: "The variables that the files name, and what stands for those that are not set.") var variables = false
  @Option(help: "The hash of what a service's containers are made by, * for all.") var hash: String?
  @Flag(help: "Leave variables as they are written.") var noInterpolate = false
  @Flag(name: .shortAndLong, help: "Check only.") var quiet = false
  @Option(name: .shortAndLong, help: "Write to this file.") var output: String?
  @Argument(help: "Services to show, with what they need; all when none is named.") var names: [String] = []

  func validate() throws {
    guard ["yaml", "json"].contains(format) else {
      throw ValidationError("invalid --format '\(format)': expected yaml or json")
    }
    let lists = [services, volumes, networks, images, profiles, environment, variables, hash != nil]
      .filter { $0 }.count
    if lists > 1 { throw ValidationError("only one list can be asked for at a time") }
    if noInterpolate, lists > 0 || !names.isEmpty {
      throw ValidationError(
        "--no-interpolate shows the whole files: take the other options and the services' names out")
    }
  }

  func run() throws {
    let text = variables ? try named() : noInterpolate ? try uninterpolated() : try shown()
    if quiet { return }
    guard let output else { return print(text, terminator: "") }
    try WholeFile.write(output, Array(text.utf8), mode: 0o644)
  }

  private func uninterpolated() throws(ClientError) -> String {
    var request = try project.request()
    request.interpolates = false
    let value = try ProjectOptions.told { () throws(ComposeFaults) in
      let result = try ComposeLoader(reader: ProjectFiles()).canonical(request)
      return (result.value, result.warnings)
    }
    return format == "json" ? value.json() + "\n" : value.yaml(doublingDollars: false)
  }

  private func named() throws(ClientError) -> String {
    let request = try project.request()
    let found = try ProjectOptions.told { () throws(ComposeFaults) in
      (try ComposeLoader(reader: ProjectFiles()).variables(request), [])
    }
    var listing = Listing(
      [("NAME", "Name"), ("REQUIRED", "Required"), ("DEFAULT VALUE", "Default"), ("ALTERNATE VALUE", "Alternate")],
      identity: "Name")
    for variable in found {
      listing.add([
        ("Name", variable.name), ("Required", variable.isRequired ? "true" : "false"),
        ("Default", variable.fallback ?? ""), ("Alternate", variable.alternative ?? ""),
      ])
    }
    return try listing.text(format: format == "json" ? "json" : nil, quiet: false)
  }

  private func shown() throws(ClientError) -> String {
    var loaded = try project.load(services: names)
    loaded = loaded.limited(to: names)
    if services { return Self.lines(loaded.services.map(\.name)) }
    if volumes { return Self.lines(loaded.volumes.map(\.key)) }
    if networks { return Self.lines(loaded.networks.map(\.key)) }
    if images { return Self.lines(loaded.services.map(loaded.imageName)) }
    if profiles {
      return Self.lines(Set((loaded.services + loaded.disabledServices).flatMap(\.profiles)).sorted())
    }
    if environment { return Self.lines(loaded.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) }
    if let hash { return try hashes(loaded, of: hash) }
    return format == "json" ? loaded.canonical.json() + "\n" : loaded.canonical.yaml()
  }

  private func hashes(_ loaded: ComposeProject, of wanted: String) throws(ClientError) -> String {
    let names = wanted == "*" ? loaded.services.map(\.name) : wanted.split(separator: ",").map(String.init)
    var lines: [String] = []
    for name in names {
      guard let service = loaded.service(name) else {
        throw ClientError("there is no service '\(name)' in the project '\(loaded.name)'")
      }
      lines.append("\(name) \(loaded.configHash(service, sha256: SHA256Text.hex))")
    }
    return Self.lines(lines)
  }

  private static func lines(_ values: [String]) -> String { values.map { $0 + "\n" }.joined() }
}
