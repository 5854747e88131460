import Accounts
import HTTPServing
import Model

/// `/api/v1/projects/NAME/robots`, for the project's administrators.
enum RobotRoutes {
  private static let defaultDays = 90

  private struct NewRobot: DescribedBody {
    static let schema = "NewRobot"

    var name: String
    var actions: [String]
    var repositories: String?
    var expiresInDays: Int?
  }
  private struct Change: DescribedBody {
    static let schema = "Disabling"

    var isDisabled: Bool
  }
  private struct Entry: Encodable {
    var name: String
    var login: String
    var actions: [Role.Action]
    var repositories: String?
    var createdAt: Int64
    var expiresAt: Int64
    var lastUsedAt: Int64?
    var isDisabled: Bool
    var secret: String?

    init(_ robot: Robot, secret: String? = nil) {
      (name, login, actions, repositories) = (robot.name, robot.login.description, robot.actions, robot.repositories)
      (createdAt, expiresAt, lastUsedAt) = (robot.createdAt, robot.expiresAt, robot.lastUsedAt)
      (isDisabled, self.secret) = (robot.isDisabled, secret)
    }
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/projects/{name}/robots") { call, api in
      try api.require(call, .manageMembers, in: call.parameters["name"])
      return try ListPage(call.request).answer(
        try api.accounts.robots(of: call.parameters["name"]).map { Entry($0) }, id: \.name)
    }
    router.on(.POST, "/api/v1/projects/{name}/robots") { call, api in
      let project = call.parameters["name"]
      try api.require(call, .manageMembers, in: project)
      try api.requireNoToken(call)
      let new = try await api.body(NewRobot.self, of: call)
      let made = try api.accounts.addRobot(
        new.name, in: project, actions: try actions(new.actions), repositories: new.repositories,
        expiresInDays: new.expiresInDays ?? defaultDays)
      api.note(call, "robot created", made.robot.login.description)
      return try ManagementAPI.json(Entry(made.robot, secret: made.secret), status: .created)
    }
    router.on(.PATCH, "/api/v1/projects/{name}/robots/{robot}") { call, api in
      let login = try required(call, api)
      let change = try await api.body(Change.self, of: call)
      if !change.isDisabled { try api.requireNoToken(call) }
      let robot = try api.accounts.setRobotDisabled(login, change.isDisabled)
      api.note(call, change.isDisabled ? "robot disabled" : "robot enabled", login.description)
      return try ManagementAPI.json(Entry(robot))
    }
    router.on(.POST, "/api/v1/projects/{name}/robots/{robot}/secret") { call, api in
      let login = try required(call, api)
      try api.requireNoToken(call)
      try await api.requireNoBody(call)
      let renewed = try api.accounts.renewRobot(login)
      api.note(call, "robot has a new secret", login.description)
      return try ManagementAPI.json(Entry(renewed.robot, secret: renewed.secret), status: .created)
    }
    router.on(.DELETE, "/api/v1/projects/{name}/robots/{robot}") { call, api in
      let login = try required(call, api)
      try api.accounts.removeRobot(login)
      api.note(call, "robot removed", login.description)
      return HTTPResponse(status: .noContent)
    }
  }

  private static func required(_ call: ManagementAPI.Call, _ api: ManagementAPI) throws -> RobotName {
    let project = call.parameters["name"]
    try api.require(call, .manageMembers, in: project)
    return RobotName(project: project, name: call.parameters["robot"])
  }

  private static func actions(_ texts: [String]) throws -> [Role.Action] {
    try texts.map { text in
      guard let action = Role.Action(rawValue: text), Robot.actions.contains(action) else {
        throw PlatformError(
          .invalidArgument,
          "field 'actions': '\(text.prefix(40))' is none of \(Robot.actions.map(\.rawValue).joined(separator: ", "))")
      }
      return action
    }
  }
}
