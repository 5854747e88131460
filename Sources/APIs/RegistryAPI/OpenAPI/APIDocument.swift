import FoundationEssentials
import HTTPServing
import Metrics
import Model

/// The description of the management API in the form of OpenAPI 3.1, which `GET /api/v1/openapi.json` serves.
///
/// A route that is not in `operations`, and an operation without a route, fail a test.
enum APIDocument {
  static let prefix = "/api/v1"

  static let operations =
    accounts + credentials + projects + content + registry + replication + audit + server + status

  static var value: DocumentValue {
    var paths: [String: DocumentValue] = [:]
    for operation in operations {
      let method = operation.method.rawValue.lowercased()
      paths[operation.path] = (paths[operation.path] ?? [:]).with([method: operation.value])
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Bulkhead server", "version": "1",
        "description": .text(
          "Management of users, projects and the registry. At the server's local socket whoever may open it is an "
            + "administrator; over HTTPS names and passwords come by the basic scheme. Members of a request's "
            + "body that are not described are refused; null stands for one that is left out."),
        "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": .text(prefix)]],
      "security": [["basic": []]],
      "tags": .list(APIOperation.Group.allCases.map { ["name": .text($0.rawValue)] }),
      "paths": .object(paths),
      "components": [
        "schemas": .object(published),
        "responses": ["Problem": problem],
        "securitySchemes": ["basic": ["type": "http", "scheme": "basic"]],
      ],
    ]
  }

  /// The document's bytes, the same for the same document.
  static func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return [UInt8](try encoder.encode(value)) + [10]
    } catch {
      throw PlatformError(.internal, "cannot write the API's description", cause: error)
    }
  }

  private static let problem: DocumentValue = [
    "description": "What went wrong, naming the field and the value where one was wrong.",
    "content": [
      "application/problem+json": ["schema": .reference("Problem")],
      "application/json": ["schema": .reference("RegistryErrors")],
    ],
  ]
}

extension APIDocument {
  private static let accounts: [APIOperation] = [
    APIOperation(
      .GET, "/users", "listUsers", .accounts, "Users, for administrators.", query: APIOperation.Parameter.paging,
      gives: .page(of: .reference("User"))),
    APIOperation(
      .POST, "/users", "createUser", .accounts, "Makes a user.", body: .reference("NewUser"),
      gives: .created(.reference("User"))),
    APIOperation(
      .PUT, "/users/{name}/password", "setPassword", .accounts,
      "Changes a password; everybody may change his own.", body: .reference("NewPassword"), gives: .nothing),
    APIOperation(.DELETE, "/users/{name}", "removeUser", .accounts, "Removes a user.", gives: .nothing),
  ]

  private static let projects: [APIOperation] = [
    APIOperation(
      .GET, "/projects", "listProjects", .projects, "Projects that the caller may pull from.",
      query: APIOperation.Parameter.paging, gives: .page(of: .reference("Project")), isOpen: true),
    APIOperation(
      .POST, "/projects", "createProject", .projects, "Makes a project, for administrators.",
      body: .reference("NewProject"), gives: .created(.reference("Project"))),
    APIOperation(
      .GET, "/projects/{name}", "getProject", .projects, "A project; its members for its administrators.",
      gives: .json(.reference("Project")), isOpen: true),
    APIOperation(
      .PATCH, "/projects/{name}", "updateProject", .projects, "Opens or closes a project.",
      body: .reference("ProjectChange"), gives: .json(.reference("Project"))),
    APIOperation(
      .DELETE, "/projects/{name}", "removeProject", .projects, "Removes a project that holds no repositories.",
      gives: .nothing),
    APIOperation(
      .PUT, "/projects/{name}/members/{user}", "setMember", .projects, "Makes a user a member, or changes the role.",
      body: .reference("Membership"), gives: .nothing),
    APIOperation(
      .DELETE, "/projects/{name}/members/{user}", "removeMember", .projects, "Takes a user out of a project.",
      gives: .nothing),
  ]

  private static let registry: [APIOperation] = [
    APIOperation(
      .POST, "/registry/gc", "collectGarbage", .registry, "Removes what nothing needs, while others push and pull.",
      query: [APIOperation.Parameter("dryRun", .boolean("Only tells what would go"))],
      gives: .json(.reference("Collection"))),
    APIOperation(
      .POST, "/registry/check", "checkRegistry", .registry, "Compares files and records.",
      query: [
        APIOperation.Parameter("repair", .boolean("Makes records again, puts damaged blobs aside")),
        APIOperation.Parameter("content", .boolean("Reads every blob")),
      ], gives: .json(.reference("Check"))),
  ]

  private static let replication: [APIOperation] = [
    APIOperation(
      .GET, "/replication/peers", "listPeers", .replication, "Other registries, without passwords.",
      gives: .json(.array(.reference("Peer")))),
    APIOperation(
      .PUT, "/replication/peers/{name}", "setPeer", .replication, "Makes or changes a peer.",
      body: .reference("Peer"), gives: .json(.reference("Peer"))),
    APIOperation(
      .DELETE, "/replication/peers/{name}", "removePeer", .replication,
      "Removes a peer that no rule and no cache project uses.",
      gives: .nothing),
    APIOperation(
      .GET, "/replication/rules", "listRules", .replication, "Rules.", gives: .json(.array(.reference("Rule")))),
    APIOperation(
      .PUT, "/replication/rules/{name}", "setRule", .replication, "Makes or changes a rule.",
      body: .reference("Rule"), gives: .json(.reference("Rule"))),
    APIOperation(.DELETE, "/replication/rules/{name}", "removeRule", .replication, "Removes a rule.", gives: .nothing),
    APIOperation(
      .POST, "/replication/rules/{name}/run", "runRule", .replication, "Runs a rule now; the answer comes at its end.",
      gives: .json(.reference("Execution"))),
    APIOperation(
      .GET, "/replication/rules/{name}/executions", "listExecutions", .replication, "A rule's last 100 runs.",
      gives: .json(.array(.reference("Execution")))),
  ]

  private static let server: [APIOperation] = [
    APIOperation(
      .GET, "/openapi.json", "getDescription", .server, "This description.",
      gives: .json(["type": "object"]), isOpen: true),
    APIOperation(
      .GET, "/ca", "getAuthority", .server, "The certificate of the server's authority, which clients are to trust.",
      gives: .other("application/x-pem-file", .string("A certificate in PEM form")), isOpen: true),
    APIOperation(
      .GET, "/metrics", "getMetrics", .server, "The server in numbers, for Prometheus.",
      gives: .other(MetricsText.mediaType, .string("A page in Prometheus's text format, version 0.0.4"))),
    APIOperation(
      .GET, "/metrics/engine", "getEngineMetrics", .server,
      "The engine of this machine, its containers, networks and volumes in numbers, for Prometheus.",
      gives: .other(MetricsText.mediaType, .string("A page in Prometheus's text format, version 0.0.4"))),
  ]
}
