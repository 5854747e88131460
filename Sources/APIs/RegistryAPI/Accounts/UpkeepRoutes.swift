import HTTPServing
import Model
import Registry

/// `/api/v1/registry`: the upkeep of all that is kept.
enum UpkeepRoutes {
  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.POST, "/api/v1/registry/gc") { call, api in
      try api.requireAdministrator(call)
      try await api.requireNoBody(call)
      let isDryRun = try ProjectSettingsRoutes.flag("dryRun", call)
      let collection = try api.registry.collectGarbage(isDryRun: isDryRun)
      api.note(call, "garbage collected", isDryRun ? "dry run" : "")
      return try ManagementAPI.json(collection)
    }
    router.on(.POST, "/api/v1/registry/check") { call, api in
      try api.requireAdministrator(call)
      try await api.requireNoBody(call)
      let repairs = try ProjectSettingsRoutes.flag("repair", call)
      let check = try api.registry.check(
        repairs: repairs, readsContent: ProjectSettingsRoutes.flag("content", call))
      api.note(call, repairs ? "registry repaired" : "registry checked", "")
      return try ManagementAPI.json(check)
    }
  }
}
