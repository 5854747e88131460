import ArgumentParser

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show all there is to know about containers, images, networks or volumes.")
  @OptionGroup var connection: EngineOptions
  @Option(help: "container, image, network or volume; without it each is tried.") var type: String?
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.State.Pid}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "With the size of a container's files.") var size = false
  @Argument(help: "Names or ids.") var names: [String]

  func run() throws {
    try connection.engine().inspect(names, types: type.map { [$0] } ?? Kinds.order, format: format, size: size)
  }
}

/// What can be inspected, and where the API has it.
enum Kinds {
  static let order = ["container", "image", "network", "volume"]
  /// Of a volume, which is none of the kinds that are tried.
  static let schedule = "schedule"

  static func path(_ kind: String, _ name: String) throws(ClientError) -> String {
    switch kind {
    case "container": "/containers/\(Engine.escape(name))/json"
    case "image": "/images/\(Engine.escape(name))/json"
    case "network": "/networks/\(Engine.escape(name))"
    case "volume": "/volumes/\(Engine.escape(name))"
    case schedule: "/bulkhead/v1/volumes/\(Engine.escape(name))/schedule"
    default: throw ClientError.usage("unknown type '\(kind)': use \(order.joined(separator: ", "))")
    }
  }
}

extension Engine {
  /// Prints each thing, as a list of JSON documents or by a template.
  func inspect(_ names: [String], types: [String], format: String?, size: Bool = false) throws(ClientError) {
    var found: [JSONValue] = []
    var missing: ClientError?
    for name in names {
      do { found.append(try details(name, types: types, size: size)) } catch { missing = error }
    }
    if let format, format != "json" {
      let template = try Template(parsing: format)
      for value in found { print(try template.render(value)) }
    } else if format == "json" {
      print(JSONValue.array(found).compact)
    } else {
      print(JSONValue.array(found).pretty)
    }
    if let missing { throw missing }
  }

  private func details(_ name: String, types: [String], size: Bool) throws(ClientError) -> JSONValue {
    for kind in types {
      do { return try call(.get, try Kinds.path(kind, name), query: [("size", size ? "1" : nil)]) } catch {
        if error.status != 404 || types.count == 1 { throw error }
      }
    }
    throw ClientError("there is no \(types.joined(separator: " and no ")) '\(name)'", status: 404)
  }
}
