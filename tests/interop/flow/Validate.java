// Beam's own check of a pipeline, and its reading of coders and windows, on a message from stdin.
// SPDX-License-Identifier: Apache-2.0
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.apache.beam.sdk.util.construction.CoderTranslation;
import org.apache.beam.sdk.util.construction.RehydratedComponents;
import org.apache.beam.sdk.util.construction.WindowingStrategyTranslation;
import org.apache.beam.sdk.util.construction.graph.PipelineValidator;

public class Validate {
  public static void main(String[] arguments) throws Exception {
    RunnerApi.Pipeline pipeline = RunnerApi.Pipeline.parseFrom(System.in);
    PipelineValidator.validate(pipeline);
    System.out.println("valid");
    RunnerApi.Components components = pipeline.getComponents();
    RehydratedComponents known = RehydratedComponents.forComponents(components);
    for (String id : new java.util.TreeSet<>(components.getWindowingStrategiesMap().keySet()))
      System.out.println(
          id + " " + WindowingStrategyTranslation.fromProto(components.getWindowingStrategiesOrThrow(id), known));
    for (String id : new java.util.TreeSet<>(components.getPcollectionsMap().keySet())) {
      String coder = components.getPcollectionsOrThrow(id).getCoderId();
      System.out.println(
          id + " " + CoderTranslation.fromProto(components.getCodersOrThrow(coder), known,
                                              CoderTranslation.TranslationContext.DEFAULT));
    }
  }
}
