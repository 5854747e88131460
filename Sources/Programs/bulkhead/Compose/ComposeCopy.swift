import ArgumentParser

struct ComposeCopy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp", abstract: "Copy files into the containers of a service, or out of one.",
    discussion: """
      bulkhead compose cp SOURCE SERVICE:PATH, or bulkhead compose cp SERVICE:PATH TARGET;
      - is an archive on standard input or output, PATH/. the contents of a folder.
      """)
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Keep owners.") var archive = false
  @Flag(name: [.customShort("L"), .long], help: "Follow a link at the end of the source.") var followLink = false
  @Flag(help: "Those of 'run', too.") var all = false
  @Option(help: "Which of the service's containers; else all are written to, and the first is read.") var index: Int?
  @Argument(help: "SERVICE:PATH, a local path, or -.") var source: String
  @Argument(help: "A local path, SERVICE:PATH, or -.") var target: String

  func run() throws {
    switch (CopyEnd(parsing: source), CopyEnd(parsing: target)) {
    case (.inside(let service, let path), .local(let target)):
      try each(service) { copy, id throws(ClientError) in try copy.copyOut(id, path, to: target) }
    case (.inside(let service, let path), .stream):
      try each(service) { copy, id throws(ClientError) in try copy.copyOut(id, path) }
    case (.local(let source), .inside(let service, let path)):
      try each(service, writes: true) { copy, id throws(ClientError) in try copy.copyIn(source, to: id, path) }
    case (.stream, .inside(let service, let path)):
      // Standard input is read once.
      try each(service) { copy, id throws(ClientError) in try copy.copyIn(to: id, path) }
    case (.inside, .inside): throw ClientError.usage("copying from one service to another is not supported")
    default: throw ClientError.usage("one of the two has to be SERVICE:PATH")
    }
  }

  private func each(
    _ service: String, writes: Bool = false, _ body: (ContainerCopy, String) throws(ClientError) -> Void
  ) throws(ClientError) {
    let session = try options.existing(of: [service])
    let found = try session.containers(of: [service], oneOff: all).filter { index == nil || $0.number == index }
    guard !found.isEmpty else {
      throw ClientError("service '\(service)' has no container\(index.map { " with number \($0)" } ?? "")")
    }
    let copy = ContainerCopy(engine: session.engine, keepsOwners: archive, followsLink: followLink)
    for container in writes ? found : Array(found.prefix(1)) { try body(copy, container.id) }
  }
}
