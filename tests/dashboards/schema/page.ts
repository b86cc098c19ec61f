// What a page may be: Grafana's own types, each kind of panel bound to its own options and fields.
// An enum of theirs is, in JSON, the word or figure that it stands for.

import type { DataQuery } from '@grafana/schema';
import type {
  Dashboard,
  DataSourceRef,
  FieldConfig,
  FieldConfigSource,
  Panel,
  RowPanel,
} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type { Options as BarsOptions } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as FiguresOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as LinesFields,
  Options as LinesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer One>
      ? Array<Plain<One>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// Not in @grafana/schema: what Grafana's data source for Prometheus reads of a query.
interface PrometheusQuery extends DataQuery {
  datasource: DataSourceRef;
  editorMode?: 'code' | 'builder';
  exemplar?: boolean;
  expr: string;
  instant?: boolean;
  legendFormat?: string;
  range?: boolean;
}

type Of<Kind extends string, Options, Custom> = Omit<
  Panel,
  'type' | 'options' | 'fieldConfig' | 'targets'
> & {
  type: Kind;
  options: Options;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom };
  };
  targets: PrometheusQuery[];
};

type AnyPanel =
  | Of<'timeseries', LinesOptions, LinesFields>
  | Of<'stat', FiguresOptions, never>
  | Of<'bargauge', BarsOptions, never>
  | RowPanel;

export type Page = Plain<Omit<Dashboard, 'panels'> & { panels: AnyPanel[] }>;
