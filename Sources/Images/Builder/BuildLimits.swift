import ContentStore
import Dockerfile
import ImageCatalog
import Layers
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence
import Snapshots

/// What one build may use.
public struct BuildLimits: Sendable {}
